// The part of the self-test that needs no TFLM: the model's checksum, preprocessing, and the comparison itself.

#include "check.h"
#include "model_config.h"
#include "port.h"

namespace kilosmith {
namespace {

constexpr int kInputBytes = kInputHeight * kInputWidth * kInputChannels;
__attribute__((section(".kilosmith_arena"), aligned(16))) std::int8_t input[kInputBytes];

bool RunAll() {
  if (!CheckModel()) return false;
  for (int index = 0; index < kNumTestVectors; ++index) {
    const std::uint32_t start = PortTicks();
    if (!CheckInput(index, input)) return false;
    const std::uint32_t ticks = PortTicks() - start;
    if (!CheckOutput(index, kTestVectors[index].output)) return false;
    Say("vector %d: ok, %lu %s", index, static_cast<unsigned long>(ticks), kPortTickUnit);
  }
  return true;
}

}  // namespace
}  // namespace kilosmith

int main() {
  kilosmith::PortInit();
  kilosmith::Say("kilosmith preprocessing check of %s", kilosmith::kModelName);
  const bool passed = kilosmith::RunAll();
  kilosmith::Say(passed ? "PASS: %d vectors" : "FAIL: of %d vectors not all agree", kilosmith::kNumTestVectors);
  kilosmith::PortExit(passed ? 0 : 1);
}
