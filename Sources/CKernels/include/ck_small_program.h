/* Programs over small arrays: what happens between two passes over the tiles. */
#ifndef CK_SMALL_PROGRAM_H
#define CK_SMALL_PROGRAM_H

#include <stdint.h>

#include "ck_small.h"

enum {
  CK_STEP_MAP,     /* z = operation(a, b, c) */
  CK_STEP_FOLD,    /* z = fold of a; operation is a CK_FOLD_ */
  CK_STEP_MOMENTS, /* z (count, mean, m2) from shifted sums a */
  CK_STEP_FLOAT    /* floats at z (and at b, when b >= 0, what rounding lost) from a; the double at c,
                      when c >= 0, becomes 1 when a value lies outside the range of ck_small_to_float */
};

/* An array: `shared` or the worker's area, and an element offset. */
typedef struct {
  int32_t worker;
  int32_t offset;
} ck_place;

typedef struct {
  int32_t what;
  int32_t operation;
  int32_t varying; /* extent[2] is the number of rows of the slice */
  int32_t axis;    /* the only axis longer than 1, or -1: most steps are one short loop */
  double start;
  int64_t z_plane, a_plane;
  ck_place z, a, b, c;
  int64_t extent[CK_AXES], zs[CK_AXES], as[CK_AXES], bs[CK_AXES], cs[CK_AXES];
} ck_step;

typedef struct {
  double *doubles[2]; /* shared, worker */
  float *floats[2];
} ck_small_memory;

/* Runs steps in order; `rows` replaces extent[2] of varying steps. */
void ck_run_small(const ck_step *steps, int64_t count, const ck_small_memory *memory, int64_t rows);

/* Writes the values that FLOAT steps have rounded as doubles: `wide` has the same two areas as
   memory->floats, element for element. */
void ck_widen_small(const ck_step *steps, int64_t count, const ck_small_memory *memory,
                    double *const wide[2], int64_t rows);

#endif
