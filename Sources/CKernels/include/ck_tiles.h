/* The tile interpreter: short programs of vector operations over cache-resident tiles.

   A tensor is a matrix of rows x inner in memory order (channels-last: rows are positions, inner is
   channels; channels-first: rows are channels of samples, inner is space). A program is run on one
   tile, `rows` x `inner` of it, at a time. Everything smaller than a full tensor is computed in
   double by ck_small.h and handed in as float arrays. */
#ifndef CK_TILES_H
#define CK_TILES_H

#include <stddef.h>
#include <stdint.h>

enum {
  CK_VIEW_REGISTER, CK_VIEW_TENSOR, CK_VIEW_SMALL_SHARED, CK_VIEW_SMALL_WORKER, CK_VIEW_CONSTANT,
  CK_VIEW_PARAMETER
};

/* No tile has longer rows. */
enum { CK_LONGEST_TILE = 8192 };

/* How an operand is addressed. `index` is a register, a tensor, a parameter, or an element offset into
   a small float area. `lead` are the strides of a small array along up to three leading row indices. */
typedef struct {
  int32_t kind;
  int32_t index;
  int32_t lead[3];
  int32_t row_stride;
  int32_t inner_stride;
  float constant;
} ck_view;

enum {
  CK_DO_MAP, CK_DO_POSITION, CK_DO_SUM, CK_DO_DOT, CK_DO_MOMENTS, CK_DO_MAX, CK_DO_MIN,
  /* Superinstructions, made of those above. */
  CK_DO_NORMALIZE, CK_DO_GRADIENT, CK_DO_SUMS
};

/* One instruction. MAP writes `target` (a register or a tensor). Accumulations add to an array of
   doubles at `accumulator` (in the worker's area, or the unit's when `across` is set) addressed as a
   small array; MOMENTS has four arrays one `accumulator_size` apart: count, shift, sum, sum of squares.
   POSITION uses lead/row_stride/inner_stride of `a` as weights and writes the linear index.

   Superinstructions, where a and e are full-size and the rest small or constant:
   NORMALIZE  target = ((a - b) - c) d f + h
   GRADIENT   target = ((a - b) - c) d + (e f g + h)
   SUMS       adds e f ((a - b) - c) d to the accumulator and e f to the second one; either is left out
              where its number is negative */
typedef struct {
  int32_t what;
  int32_t operation;
  ck_view a, b, c;
  ck_view target;
  int32_t accumulator;
  int32_t accumulator_size;
  int32_t across;
  int32_t second_accumulator;
  ck_view d, e, f, g, h;
  /* Whether b, c, d, g (and h of GRADIENT), or f (and h of NORMALIZE), vary along rows; where SUMS are
     shared, only b and c count. */
  int32_t stats_vary, factors_vary;
  /* Of SUMS: whether there are none of b, c, d, f; whether the factors are one operand; whether the
     instruction after this is its twin: it adds the same terms but for d and f, which all terms of a sum
     have in common, and neither sums columns row by row. Then bare means that there are none of b, c. */
  int32_t is_bare, is_square, is_shared;
} ck_instruction;

typedef struct {
  const ck_instruction *instructions;
  int32_t count;
  int32_t register_floats; /* floats of one register */
} ck_program;

/* Where a program finds its memory. */
typedef struct {
  float *const *tensors;
  const float *const *parameters;
  const float *small_shared;
  const float *small_worker;
  double *accumulators_worker;
  double *accumulators_unit;
  float *registers;
} ck_memory;

/* A tile: where it lies in the tensors and in the small arrays of its slice. */
typedef struct {
  int64_t offset;  /* first element in the tensors */
  int64_t rows;
  int64_t inner;
  int64_t row_pitch; /* elements between rows in the tensors */
  int64_t lead[3]; /* leading row indices within the slice */
  int64_t row;     /* first row after the leading indices */
  int64_t column;  /* first inner index */
  int64_t ahead;   /* elements from here to what is worth reading ahead of time */
  int64_t is_cold; /* whether tensors are still to come from memory */
  int32_t streams; /* whether superinstructions write past the cache */
} ck_tile;

/* Where a tile starts in a small array seen through a view. */
static inline ptrdiff_t ck_view_offset(const ck_view *view, const ck_tile *tile) {
  return view->lead[0] * tile->lead[0] + view->lead[1] * tile->lead[1] +
         view->lead[2] * tile->lead[2] + view->row_stride * tile->row +
         view->inner_stride * tile->column;
}

/* Runs a program with superinstructions in place of SUM and DOT on a tile. */
void ck_run_tile(const ck_program *program, const ck_memory *memory, const ck_tile *tile);

/* What takes the place of floats when a program is run in double; element for element the same. */
typedef struct {
  double *small[2]; /* shared, worker */
  double *registers;
} ck_wide_memory;

/* Runs a program of single instructions on a tile in double: only tensors are float. Slow, and right
   where products of what the program is made of leave float's range. */
void ck_run_tile_wide(const ck_program *program, const ck_memory *memory,
                      const ck_wide_memory *wide, const ck_tile *tile);

/* Element-wise operation on tiles; strides of 0 or 1 along the inner axis. */
typedef struct {
  const float *data;
  ptrdiff_t row_stride;
  ptrdiff_t inner_stride;
} ck_operand;
typedef void (*ck_map_function)(float *z, ptrdiff_t z_row_stride, ck_operand a, ck_operand b,
                                ck_operand c, ptrdiff_t rows, ptrdiff_t n);
ck_map_function ck_map(int operation);

/* An accumulator of doubles addressed by row and inner index, with strides of 0 or more and 0 or 1. */
typedef struct {
  double *data;
  ptrdiff_t row_stride;
  ptrdiff_t inner_stride;
  ptrdiff_t plane; /* elements between the arrays of MOMENTS */
} ck_accumulator;
void ck_accumulate_moments(ck_accumulator acc, ck_operand a, ptrdiff_t rows, ptrdiff_t n);
void ck_accumulate_extreme(ck_accumulator acc, ck_operand a, int largest, ptrdiff_t rows, ptrdiff_t n);

/* The operands of a superinstruction; those that vary along rows are declared together. */
typedef struct {
  ck_operand a, b, c, d, e, f, g, h;
  int stats_vary, factors_vary;
} ck_fused;

/* Sums of products of two factors and of the first of them; an accumulator without data is left out. */
typedef struct ck_sums {
  ck_fused values;
  ck_accumulator products, firsts;
  int is_bare, is_square;
  const struct ck_sums *twin; /* as of an instruction that is shared, or none */
} ck_sums;
void ck_accumulate_sums(const ck_sums *sums, ptrdiff_t rows, ptrdiff_t n);

/* Where a superinstruction writes. */
typedef struct {
  float *data;
  ptrdiff_t row_stride;
  ptrdiff_t ahead;
  int stream;
} ck_output;
void ck_normalize(ck_output out, const ck_fused *values, ptrdiff_t rows, ptrdiff_t n);
void ck_gradient(ck_output out, const ck_fused *values, ptrdiff_t rows, ptrdiff_t n);

/* Makes stores past the cache visible to other threads. */
void ck_finish_stores(void);

#endif
