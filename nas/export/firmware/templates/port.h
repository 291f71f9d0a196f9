// What the self-test needs of a board. A new board implements these in boards/<name>/port.cc.
#ifndef KILOSMITH_PORT_H_
#define KILOSMITH_PORT_H_

#include <cstdint>

namespace kilosmith {

// Clocks, caches and the console; called once, first.
void PortInit();

// Sends a NUL-terminated text to the console.
void PortWrite(const char* text);

// A counter that runs upwards and wraps at 2^32, and what one of its ticks is.
std::uint32_t PortTicks();
extern const char* const kPortTickUnit;

// Ends the program: 0 = passed.
[[noreturn]] void PortExit(int code);

}  // namespace kilosmith

#endif  // KILOSMITH_PORT_H_
