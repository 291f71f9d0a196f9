// Real images of the test split with what the model answers to them. No logit of theirs is at the end of its range.
#ifndef KILOSMITH_TEST_VECTORS_H_
#define KILOSMITH_TEST_VECTORS_H_

#include <cstdint>

#include "model_config.h"

namespace kilosmith {

struct TestVector {
  const std::uint8_t* frame;  // kFrameHeight x kFrameWidth x kFrameChannels, as the data set stores it
  std::uint32_t input_crc32;  // of the preprocessed int8 input
  const std::int8_t* output;  // kNumClasses logits
  int label;                  // the true class
  int predicted;              // the model's class
};

extern const TestVector kTestVectors[kNumTestVectors];

}  // namespace kilosmith

#endif  // KILOSMITH_TEST_VECTORS_H_
