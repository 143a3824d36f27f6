/* What a norm's time is measured against: its memory traffic without its arithmetic. */
#ifndef CK_BENCH_H
#define CK_BENCH_H

#include <stdint.h>

/* How results reach memory: the C library's memcpy, vector stores, or stores past the caches. */
enum { CK_MOVE_MEMCPY, CK_MOVE_STORES, CK_MOVE_STREAM, CK_MOVE_COUNT };

/* The tensors of a norm, `count` floats each; where y or dx is not aligned to 64 bytes,
 * memcpy and plain stores are all there is. */
typedef struct {
  const float *x, *dy;
  float *y, *dx;
  int64_t count;
} ck_traffic;

/* Reads x `passes` times and writes y, which then equals x; in 16 pieces on at most `threads`. */
void ck_traffic_forward(const ck_traffic *tensors, int32_t passes, int32_t move, int32_t threads);

/* Reads x and dy `passes` times and writes dx, their sum; CK_MOVE_MEMCPY does as CK_MOVE_STORES. */
void ck_traffic_backward(const ck_traffic *tensors, int32_t passes, int32_t move, int32_t threads);

/* Layer norm of `rows` rows of `inner` floats without gain and shift as one would write it in float:
 * a sum, a sum of squared deviations, the result. The measure of what accuracy costs. */
void ck_plain_layer(
    const float *x, float *y, int64_t rows, int64_t inner, float epsilon, int32_t threads);

#endif
