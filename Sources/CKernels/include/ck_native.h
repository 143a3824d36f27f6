/* What native code is called with; the generated text declares the same struct. */
#ifndef CK_NATIVE_H
#define CK_NATIVE_H

#include <stdint.h>

typedef struct {
  float *const *tensors;
  const float *const *parameters;
  double *shared_doubles;
  float *shared_floats;
  char *workers, *units;
  double *saved;
  const int64_t *saved_offsets;
  int64_t rows, slices, unit_count, tile_rows, worker_bytes, unit_bytes;
  int64_t streams; /* results may go past the cache */
} ck_native_call;

/* The work of one unit: all its slices, or its rows in one pass over the whole. */
typedef void (*ck_native_unit)(const ck_native_call *call, int64_t unit, int32_t worker);

/* Runs the units on at most `threads` threads, as ck_parallel_for. */
void ck_run_native(ck_native_unit unit, const ck_native_call *call, int64_t units, int32_t threads,
                   int32_t backwards);

#endif
