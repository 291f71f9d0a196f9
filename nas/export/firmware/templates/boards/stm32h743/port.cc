// STM32H743 as on ST's NUCLEO-H743ZI2: USART3 (PD8) is the debugger's virtual serial port, 115200 baud 8N1.
// The core stays on the 64 MHz HSI it starts with; a product sets its own clocks. Registers: ST RM0433.
#include "port.h"

namespace kilosmith {
namespace {

volatile std::uint32_t& Register(std::uint32_t address) { return *reinterpret_cast<volatile std::uint32_t*>(address); }

constexpr std::uint32_t kRcc = 0x58024400U, kGpioD = 0x58020C00U, kUsart3 = 0x40004800U;
constexpr std::uint32_t kHsiHz = 64'000'000U, kBaud = 115'200U;

void EnableInstructionCache() {  // Armv7-M ARM, B2.2.7; the data cache is the product's choice (DMA)
  __asm volatile("dsb\n\tisb" ::: "memory");
  Register(0xE000EF50U) = 0;            // ICIALLU
  __asm volatile("dsb\n\tisb" ::: "memory");
  Register(0xE000ED14U) |= 1U << 17;    // CCR.IC
  __asm volatile("dsb\n\tisb" ::: "memory");
}

void EnableCycleCounter() {
  Register(0xE000EDFCU) |= 1U << 24;    // DEMCR.TRCENA
  Register(0xE0001FB0U) = 0xC5ACCE55U;  // DWT lock access of the Cortex-M7
  Register(0xE0001004U) = 0;            // DWT_CYCCNT
  Register(0xE0001000U) |= 1U;          // DWT_CTRL.CYCCNTENA
}

void EnableConsole() {
  Register(kRcc + 0x0E0U) |= 1U << 3;   // AHB4ENR.GPIODEN
  Register(kRcc + 0x0E8U) |= 1U << 18;  // APB1LENR.USART3EN
  const std::uint32_t enabled = Register(kRcc + 0x0E8U);  // the clock needs two cycles
  (void)enabled;
  Register(kGpioD) = (Register(kGpioD) & ~(3U << 16)) | (2U << 16);                   // MODER8: alternate function
  Register(kGpioD + 0x24U) = (Register(kGpioD + 0x24U) & ~0xFU) | 7U;                 // AFRH8: AF7, USART3_TX
  Register(kUsart3 + 0x0CU) = (kHsiHz + kBaud / 2) / kBaud;                           // BRR
  Register(kUsart3) = (1U << 3) | 1U;                                                 // CR1: TE, UE
}

void WriteByte(char byte) {
  while ((Register(kUsart3 + 0x1CU) & (1U << 7)) == 0) {  // ISR.TXE
  }
  Register(kUsart3 + 0x28U) = static_cast<unsigned char>(byte);  // TDR
}

}  // namespace

const char* const kPortTickUnit = "CPU cycles";

void PortInit() {
  EnableInstructionCache();
  EnableCycleCounter();
  EnableConsole();
}

void PortWrite(const char* text) {
  for (; *text != '\0'; ++text) {
    if (*text == '\n') WriteByte('\r');
    WriteByte(*text);
  }
}

std::uint32_t PortTicks() { return Register(0xE0001004U); }

void PortExit(int code) {
  (void)code;  // nobody to tell: the last line on the console says it
  for (;;) {
  }
}

}  // namespace kilosmith
