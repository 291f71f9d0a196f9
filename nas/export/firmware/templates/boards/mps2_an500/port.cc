// QEMU's mps2-an500: semihosting for console and exit, CMSDK timer 0 as counter.
#include "port.h"

namespace kilosmith {
namespace {

constexpr int kSysWrite0 = 0x04;        // Arm semihosting specification 2.0
constexpr int kSysExitExtended = 0x20;
constexpr std::uint32_t kApplicationExit = 0x20026;  // ADP_Stopped_ApplicationExit

struct Timer {  // Arm DDI 0479 (CMSDK), APB timer
  volatile std::uint32_t control, value, reload, interrupt;
};
Timer& timer = *reinterpret_cast<Timer*>(0x40000000U);

int CallHost(int operation, const void* argument) {
  register int r0 __asm("r0") = operation;
  register const void* r1 __asm("r1") = argument;
  __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

}  // namespace

const char* const kPortTickUnit = "ticks of 40 instructions (only with -icount shift=0; no time)";

void PortInit() {
  timer.reload = 0xFFFFFFFFU;
  timer.value = 0xFFFFFFFFU;
  timer.control = 1;
}

void PortWrite(const char* text) { CallHost(kSysWrite0, text); }

std::uint32_t PortTicks() { return ~timer.value; }

void PortExit(int code) {
  const std::uint32_t block[2] = {kApplicationExit, static_cast<std::uint32_t>(code)};
  CallHost(kSysExitExtended, block);
  for (;;) {
  }
}

}  // namespace kilosmith
