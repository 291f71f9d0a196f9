// The comparisons of the self-test: they need neither TFLM nor a board.
#ifndef KILOSMITH_CHECK_H_
#define KILOSMITH_CHECK_H_

#include <cstddef>
#include <cstdint>

#include "test_vectors.h"

namespace kilosmith {

// CRC-32 (ISO-HDLC, as zlib's) of `size` bytes.
std::uint32_t Crc32(const void* data, std::size_t size);

// Prints a formatted line, at most 255 characters, through the port.
void Say(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Whether the model in flash is the one that was verified; says what differs.
bool CheckModel();

// Whether preprocessing the vector's frame gives the expected input, which lands in `input`; says what differs.
bool CheckInput(int index, std::int8_t* input);

// Whether `output` (kNumClasses values) is what the vector expects; says what differs.
bool CheckOutput(int index, const std::int8_t* output);

}  // namespace kilosmith

#endif  // KILOSMITH_CHECK_H_
