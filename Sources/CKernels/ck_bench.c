#include "ck_bench.h"

#include <math.h>
#include <string.h>

#include "ck_parallel.h"
#include "ck_target.h"

#define PIECES 16
#define LINE 16 /* floats in a cache line */

typedef float line __attribute__((vector_size(64), aligned(64)));
typedef float loose_line __attribute__((vector_size(64), aligned(4)));

typedef struct {
  ck_traffic tensors;
  int32_t move;
} job;

typedef struct {
  int64_t start, count;
} span;

/* Whole cache lines, so that no two threads write the same one. */
static span piece_of(int64_t count, int64_t piece) {
  int64_t lines = (count + LINE - 1) / LINE;
  int64_t start = lines * piece / PIECES * LINE, end = lines * (piece + 1) / PIECES * LINE;
  if (end > count) end = count;
  return (span){start, end - start};
}

CK_CLONES static void store(float *restrict y, const float *restrict x, int64_t n) {
  int64_t i = 0;
  for (; i + 4 * LINE <= n; i += 4 * LINE) {
    for (int64_t j = i; j < i + 4 * LINE; j += LINE)
      *(line *)(y + j) = (line) * (const loose_line *)(x + j);
    __asm__ volatile(""); /* or the compiler calls memcpy, which is the other way to move */
  }
  for (; i < n; i++) y[i] = x[i];
}

CK_CLONES static void stream(float *restrict y, const float *restrict x, int64_t n) {
  int64_t i = 0;
  for (; i + LINE <= n; i += LINE)
    __builtin_nontemporal_store((line) * (const loose_line *)(x + i), (line *)(y + i));
  for (; i < n; i++) y[i] = x[i];
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

CK_CLONES static void store_sum(
    float *restrict dx, const float *restrict x, const float *restrict dy, int64_t n) {
  CK_VECTOR
  for (int64_t i = 0; i < n; i++) dx[i] = x[i] + dy[i];
}

CK_CLONES static void stream_sum(
    float *restrict dx, const float *restrict x, const float *restrict dy, int64_t n) {
  int64_t i = 0;
  for (; i + LINE <= n; i += LINE) {
    loose_line sum = *(const loose_line *)(x + i) + *(const loose_line *)(dy + i);
    __builtin_nontemporal_store((line)sum, (line *)(dx + i));
  }
  for (; i < n; i++) dx[i] = x[i] + dy[i];
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Bits, not values: exclusive or costs less than the loads and may be done in any order. */
CK_CLONES static uint32_t read_one(const uint32_t *x, int64_t n) {
  uint32_t bits = 0;
#pragma clang loop vectorize(enable) interleave_count(4)
  for (int64_t i = 0; i < n; i++) bits ^= x[i];
  return bits;
}

CK_CLONES static uint32_t read_two(const uint32_t *x, const uint32_t *dy, int64_t n) {
  uint32_t bits = 0;
#pragma clang loop vectorize(enable) interleave_count(4)
  for (int64_t i = 0; i < n; i++) bits ^= x[i] ^ dy[i];
  return bits;
}

/* Aligned stores fault on any other address. */
static int32_t possible(int32_t move, const float *target) {
  return (uintptr_t)target % sizeof(line) ? CK_MOVE_MEMCPY : move;
}

/* What is read must be wanted by someone, or the compiler leaves the reading out. */
static void want(uint32_t bits) {
  volatile uint32_t sink = bits;
  (void)sink;
}

static void read_input(void *context, int64_t piece, int32_t worker) {
  const ck_traffic *t = &((const job *)context)->tensors;
  span s = piece_of(t->count, piece);
  want(read_one((const uint32_t *)(t->x + s.start), s.count));
  (void)worker;
}

static void write_output(void *context, int64_t piece, int32_t worker) {
  const job *j = context;
  const ck_traffic *t = &j->tensors;
  span s = piece_of(t->count, piece);
  float *y = t->y + s.start;
  const float *x = t->x + s.start;
  if (j->move == CK_MOVE_STREAM) stream(y, x, s.count);
  else if (j->move == CK_MOVE_STORES) store(y, x, s.count);
  else memcpy(y, x, (size_t)s.count * sizeof(float));
  (void)worker;
}

static void read_gradient(void *context, int64_t piece, int32_t worker) {
  const ck_traffic *t = &((const job *)context)->tensors;
  span s = piece_of(t->count, piece);
  want(read_two((const uint32_t *)(t->x + s.start), (const uint32_t *)(t->dy + s.start), s.count));
  (void)worker;
}

static void write_gradient(void *context, int64_t piece, int32_t worker) {
  const job *j = context;
  const ck_traffic *t = &j->tensors;
  span s = piece_of(t->count, piece);
  void (*sum)(float *, const float *, const float *, int64_t) =
      j->move == CK_MOVE_STREAM ? stream_sum : store_sum;
  sum(t->dx + s.start, t->x + s.start, t->dy + s.start, s.count);
  (void)worker;
}

void ck_traffic_forward(const ck_traffic *tensors, int32_t passes, int32_t move, int32_t threads) {
  job j = {*tensors, possible(move, tensors->y)};
  for (int32_t pass = 1; pass < passes; pass++) ck_parallel_for(PIECES, threads, 0, read_input, &j);
  ck_parallel_for(PIECES, threads, 0, write_output, &j);
}

void ck_traffic_backward(const ck_traffic *tensors, int32_t passes, int32_t move, int32_t threads) {
  job j = {*tensors, possible(move, tensors->dx)};
  for (int32_t pass = 1; pass < passes; pass++)
    ck_parallel_for(PIECES, threads, 0, read_gradient, &j);
  ck_parallel_for(PIECES, threads, 0, write_gradient, &j);
}

typedef struct {
  const float *x;
  float *y;
  int64_t rows, inner;
  float epsilon;
} plain;

CK_CLONES static void plain_row(
    const float *restrict x, float *restrict y, int64_t n, float epsilon) {
#pragma clang fp reassociate(on) contract(fast)
  float sum = 0, squares = 0;
#pragma clang loop vectorize(enable) interleave_count(4)
  for (int64_t i = 0; i < n; i++) sum += x[i];
  float mean = sum / (float)n;
#pragma clang loop vectorize(enable) interleave_count(4)
  for (int64_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
  float scale = 1 / sqrtf(squares / (float)n + epsilon);
  CK_VECTOR
  for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mean) * scale;
}

static void plain_rows(void *context, int64_t piece, int32_t worker) {
  const plain *p = context;
  for (int64_t r = p->rows * piece / PIECES; r < p->rows * (piece + 1) / PIECES; r++)
    plain_row(p->x + r * p->inner, p->y + r * p->inner, p->inner, p->epsilon);
  (void)worker;
}

void ck_plain_layer(
    const float *x, float *y, int64_t rows, int64_t inner, float epsilon, int32_t threads) {
  plain p = {x, y, rows, inner, epsilon};
  ck_parallel_for(PIECES, threads, 0, plain_rows, &p);
}
