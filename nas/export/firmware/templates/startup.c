/* Reset and exceptions of a Cortex-M7 that runs one program without interrupts. */
#include <stdint.h>

extern uint32_t _stack_top, _data_load, _data_start, _data_end, _bss_start, _bss_end;
extern void __libc_init_array(void);
extern int main(void);
void Reset_Handler(void);
void Default_Handler(void);
void _init(void);

#define CPACR (*(volatile uint32_t*)0xE000ED88U) /* Armv7-M ARM, B3.2.20 */
#define VTOR (*(volatile uint32_t*)0xE000ED08U)

typedef void (*Handler)(void);

__attribute__((section(".vectors"), used, aligned(128))) static const struct {
  uint32_t* stack;
  Handler handlers[15];
} vectors = {&_stack_top,
             {Reset_Handler, Default_Handler, Default_Handler, Default_Handler, Default_Handler, Default_Handler,
              0, 0, 0, 0, Default_Handler, Default_Handler, 0, Default_Handler, Default_Handler}};

void _init(void) {} /* called by __libc_init_array; crti.o is not linked */

void Default_Handler(void) {
  for (;;) {
  }
}

void Reset_Handler(void) {
  CPACR |= 0xFU << 20; /* coprocessors 10 and 11: the FPU; before any code that uses it */
  __asm volatile("dsb\n\tisb" ::: "memory");
  VTOR = (uint32_t)(uintptr_t)&vectors;
  for (uint32_t *from = &_data_load, *to = &_data_start; to < &_data_end;) *to++ = *from++;
  for (uint32_t* at = &_bss_start; at < &_bss_end;) *at++ = 0;
  __libc_init_array();
  main();
  Default_Handler();
}
