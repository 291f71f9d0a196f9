#include "preprocess.h"

#include <stddef.h>

#define MAX_FRAME_SIDE 16384

/* Where an output position reads: two neighbours, weighed in units of 1 / (2 * outputs). */
typedef struct {
  int first;
  int second;
  uint32_t first_weight;
  uint32_t second_weight;
} Tap;

/* The source position (at + 0.5) * inputs / outputs - 0.5, not below 0, as an exact fraction. */
static Tap find_tap(int at, int inputs, int outputs) {
  const int32_t unit = 2 * outputs;
  int32_t position = (2 * at + 1) * inputs - outputs;
  Tap tap;
  if (position < 0) position = 0;
  tap.first = (int)(position / unit);
  tap.second = tap.first + 1 < inputs ? tap.first + 1 : tap.first;
  tap.second_weight = (uint32_t)(position % unit);
  tap.first_weight = (uint32_t)unit - tap.second_weight;
  return tap;
}

/* One channel of a pixel as the network sees it, 0 to 255. */
static uint32_t read_pixel(const KilosmithFrame* frame, const uint8_t* row, int x, int channel) {
  const uint8_t* pixel = row + (size_t)x * (size_t)frame->channels;
  if (frame->channels == 1) return pixel[0];
  if (KILOSMITH_INPUT_CHANNELS == 3) return pixel[channel];
  /* ITU-R 601 luma in 1/65536, as Pillow's convert("L") */
  return (19595U * pixel[0] + 38470U * pixel[1] + 7471U * pixel[2] + 32768U) >> 16;
}

/* Affine, rounded to nearest, clamped. `sum` is the pixel times 4 * width * height of the input: below 2^28. */
static int8_t quantize(uint32_t sum, int channel) {
  const int64_t scaled = (int64_t)((uint64_t)sum * kilosmith_multiplier[channel]) + kilosmith_offset[channel];
  const int64_t rounded = scaled >> KILOSMITH_SHIFT; /* the half is in the offset; >> of a negative is arithmetic */
  if (rounded < -128) return -128;
  if (rounded > 127) return 127;
  return (int8_t)rounded;
}

int kilosmith_preprocess(const KilosmithFrame* frame, int8_t* input) {
  if (frame->pixels == NULL || input == NULL) return -1;
  if (frame->channels != 1 && frame->channels != 3) return -1;
  if (frame->width < 1 || frame->width > MAX_FRAME_SIDE) return -1;
  if (frame->height < 1 || frame->height > MAX_FRAME_SIDE) return -1;
  for (int y = 0; y < KILOSMITH_INPUT_HEIGHT; ++y) {
    const Tap down = find_tap(y, frame->height, KILOSMITH_INPUT_HEIGHT);
    const uint8_t* upper = frame->pixels + (ptrdiff_t)down.first * frame->stride_bytes;
    const uint8_t* lower = frame->pixels + (ptrdiff_t)down.second * frame->stride_bytes;
    for (int x = 0; x < KILOSMITH_INPUT_WIDTH; ++x) {
      const Tap across = find_tap(x, frame->width, KILOSMITH_INPUT_WIDTH);
      for (int channel = 0; channel < KILOSMITH_INPUT_CHANNELS; ++channel) {
        const uint32_t top = across.first_weight * read_pixel(frame, upper, across.first, channel) +
                             across.second_weight * read_pixel(frame, upper, across.second, channel);
        const uint32_t bottom = across.first_weight * read_pixel(frame, lower, across.first, channel) +
                                across.second_weight * read_pixel(frame, lower, across.second, channel);
        *input++ = quantize(down.first_weight * top + down.second_weight * bottom, channel);
      }
    }
  }
  return 0;
}
