#include "check.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "model_config.h"
#include "model_data.h"
#include "port.h"
#include "preprocess.h"

namespace kilosmith {
namespace {

constexpr std::size_t kInputBytes = static_cast<std::size_t>(kInputHeight) * kInputWidth * kInputChannels;

int FindLargest(const std::int8_t* values) {
  int best = 0;
  for (int at = 1; at < kNumClasses; ++at) {
    if (values[at] > values[best]) best = at;
  }
  return best;
}

}  // namespace

std::uint32_t Crc32(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  std::uint32_t crc = 0xFFFFFFFFU;
  for (std::size_t at = 0; at < size; ++at) {
    crc ^= bytes[at];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320U & (0U - (crc & 1U)));
  }
  return ~crc;
}

void Say(const char* format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  PortWrite(line);
  PortWrite("\n");
}

bool CheckModel() {
  const std::uint32_t crc = Crc32(kModelData, kModelDataBytes);
  if (crc == kModelCrc32) return true;
  Say("FAIL: the model data must have CRC-32 %08lx; it has %08lx: flash it anew",
      static_cast<unsigned long>(kModelCrc32), static_cast<unsigned long>(crc));
  return false;
}

bool CheckInput(int index, std::int8_t* input) {
  const TestVector& vector = kTestVectors[index];
  const KilosmithFrame frame = {vector.frame, kFrameWidth, kFrameHeight, kFrameWidth * kFrameChannels, kFrameChannels};
  if (kilosmith_preprocess(&frame, input) != 0) {
    Say("FAIL: vector %d: preprocessing refuses the frame", index);
    return false;
  }
  const std::uint32_t crc = Crc32(input, kInputBytes);
  if (crc == vector.input_crc32) return true;
  Say("FAIL: vector %d: the preprocessed input must have CRC-32 %08lx; it has %08lx", index,
      static_cast<unsigned long>(vector.input_crc32), static_cast<unsigned long>(crc));
  return false;
}

bool CheckOutput(int index, const std::int8_t* output) {
  const std::int8_t* expected = kTestVectors[index].output;
  for (int at = 0; at < kNumClasses; ++at) {
    if (std::abs(output[at] - expected[at]) > kVectorTolerance) {
      Say("FAIL: vector %d: logit %d must be %d (tolerance %d); it is %d", index, at, expected[at], kVectorTolerance,
          output[at]);
      return false;
    }
  }
  const int best = FindLargest(output);
  if (best == kTestVectors[index].predicted) return true;
  Say("FAIL: vector %d: the answer must be class %d; it is %d", index, kTestVectors[index].predicted, best);
  return false;
}

}  // namespace kilosmith
