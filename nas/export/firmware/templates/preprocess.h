/* Turns a camera frame into the network's int8 input: training's resize and normalization, in integers. */
#ifndef KILOSMITH_PREPROCESS_H_
#define KILOSMITH_PREPROCESS_H_

#include <stdint.h>

#include "preprocess_config.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const uint8_t* pixels; /* rows from top to bottom; RGB888: R, G, B of a pixel after each other */
  int width;             /* pixels, 1 to 16384 */
  int height;            /* pixels, 1 to 16384 */
  int stride_bytes;      /* from one row to the next; width * channels if rows lie without gaps */
  int channels;          /* 1 = grayscale, 3 = RGB888 */
} KilosmithFrame;

/*
 * Writes (height, width, channels) of the network's input. Returns 0, or -1 for a frame it cannot read.
 *
 * The whole frame is stretched to the input: bilinear, half-pixel centres, no antialiasing, borders repeated. A
 * grayscale frame fills all channels of an RGB network; an RGB frame becomes luma (ITU-R 601) for a grayscale network.
 */
int kilosmith_preprocess(const KilosmithFrame* frame, int8_t* input);

#ifdef __cplusplus
}
#endif

#endif /* KILOSMITH_PREPROCESS_H_ */
