#include "ck_net_attention.h"

#include <math.h>

#include "ck_net_block.h"

/* Queries taken together; a multiple of both block sizes. */
enum { QUERIES = 16 };

long ck_net_attention_workspace(long tokens, long width, int backward) {
  long t = ck_net_padded(tokens), d = ck_net_padded(width);
  return backward ? 7 * t * d + QUERIES * (2 * t + d) : 3 * t * d + QUERIES * (t + d);
}

/* Copies rows into a padded matrix, multiplied by `factor`. */
CK_NET_INLINE void pack(
    long rows, long columns, long stride, float factor, const float *x, float *y) {
  long height = ck_net_padded(rows), width = ck_net_padded(columns);
  for (long r = 0; r < rows; r++) {
    for (long c = 0; c < columns; c++) y[r * width + c] = x[r * stride + c] * factor;
    for (long c = columns; c < width; c++) y[r * width + c] = 0.0f;
  }
  for (long i = rows * width; i < height * width; i++) y[i] = 0.0f;
}

/* Copies rows into the columns of a padded matrix. */
CK_NET_INLINE void pack_transposed(
    long rows, long columns, long stride, const float *x, float *y) {
  long width = ck_net_padded(rows), height = ck_net_padded(columns);
  for (long c = 0; c < columns; c++) {
    for (long r = 0; r < rows; r++) y[c * width + r] = x[r * stride + c];
    for (long r = rows; r < width; r++) y[c * width + r] = 0.0f;
  }
  for (long i = columns * width; i < height * width; i++) y[i] = 0.0f;
}

CK_NET_INLINE void unpack(
    long rows, long columns, long stride, float factor, const float *x, float *y) {
  long width = ck_net_padded(columns);
  for (long r = 0; r < rows; r++)
    for (long c = 0; c < columns; c++) y[r * stride + c] = x[r * width + c] * factor;
}

CK_NET_INLINE float sum_of(long n, const float *x) {
  ck_v16 sum = {0};
  for (long i = 0; i < n; i += CK_LANES) sum += *(const ck_v16 *)(x + i);
  float total = 0.0f;
  for (int i = 0; i < CK_LANES; i++) total += sum[i];
  return total;
}

CK_NET_INLINE float greatest_of(long n, const float *x) {
  ck_v16 top = *(const ck_v16 *)x;
  for (long i = CK_LANES; i < n; i += CK_LANES) {
    ck_v16 next = *(const ck_v16 *)(x + i);
    top = __builtin_elementwise_max(top, next);
  }
  float best = top[0];
  for (int i = 1; i < CK_LANES; i++) best = top[i] > best ? top[i] : best;
  return best;
}

/* How many keys a query sees, and that number in whole vectors for a block of queries. */
CK_NET_INLINE long keys_of(const ck_net_attention *a, long query) {
  return a->causal && query + 1 < a->tokens ? query + 1 : a->tokens;
}
CK_NET_INLINE long block_keys(const ck_net_attention *a, long query) {
  long last = query + QUERIES - 1;
  return ck_net_padded(keys_of(a, last < a->tokens ? last : a->tokens - 1));
}

CK_NET void ck_net_attention_forward(
    const ck_net_attention *a, const float *q, const float *k, const float *v, float *y,
    float *statistics, float *workspace) {
  long tokens = a->tokens, t = ck_net_padded(tokens), d = ck_net_padded(a->width);
  float *queries = workspace, *keys = queries + t * d, *values = keys + t * d;
  float *scores = values + t * d, *out = scores + QUERIES * t;
  pack(tokens, a->width, a->query_stride, a->scale, q, queries);
  pack_transposed(tokens, a->width, a->key_stride, k, keys);
  pack(tokens, a->width, a->value_stride, 1.0f, v, values);
  for (long first = 0; first < tokens; first += QUERIES) {
    long n = block_keys(a, first);
    long rows = tokens - first < QUERIES ? tokens - first : QUERIES;
    ck_net_product(QUERIES, n, d, queries + first * d, d, 1, keys, t, scores, t, 0);
    for (long r = 0; r < rows; r++) {
      float *row = scores + r * t;
      long seen = keys_of(a, first + r);
      for (long i = seen; i < n; i++) row[i] = -INFINITY;
      float top = greatest_of(n, row);
      for (long i = 0; i < n; i++) row[i] = ck_exp(row[i] - top);
      for (long i = seen; i < n; i++) row[i] = 0.0f;
      statistics[2 * (first + r)] = top;
      statistics[2 * (first + r) + 1] = 1.0f / sum_of(n, row);
    }
    ck_net_product(QUERIES, d, n, scores, t, 1, values, d, out, d, 0);
    for (long r = 0; r < rows; r++) {
      float share = statistics[2 * (first + r) + 1];
      float *to = y + (first + r) * a->output_stride;
      for (long c = 0; c < a->width; c++) to[c] = out[r * d + c] * share;
    }
  }
}

CK_NET void ck_net_attention_backward(
    const ck_net_attention *a, const float *q, const float *k, const float *v, const float *dy,
    const float *statistics, float *dq, float *dk, float *dv, float *workspace) {
  long tokens = a->tokens, width = a->width, t = ck_net_padded(tokens), d = ck_net_padded(width);
  float *queries = workspace, *keys = queries + t * d, *turned_keys = keys + t * d;
  float *turned_values = turned_keys + t * d, *gradient = turned_values + t * d;
  float *key_gradient = gradient + t * d, *value_gradient = key_gradient + t * d;
  float *shares = value_gradient + t * d, *slopes = shares + QUERIES * t;
  float *query_gradient = slopes + QUERIES * t;
  pack(tokens, width, a->query_stride, a->scale, q, queries);
  pack(tokens, width, a->key_stride, 1.0f, k, keys);
  pack_transposed(tokens, width, a->key_stride, k, turned_keys);
  pack_transposed(tokens, width, a->value_stride, v, turned_values);
  pack(tokens, width, a->output_stride, 1.0f, dy, gradient);
  memset(key_gradient, 0, sizeof(float) * (size_t)(2 * t * d));
  for (long first = 0; first < tokens; first += QUERIES) {
    long n = block_keys(a, first);
    long rows = tokens - first < QUERIES ? tokens - first : QUERIES;
    const float *block = queries + first * d, *dout = gradient + first * d;
    ck_net_product(QUERIES, n, d, block, d, 1, turned_keys, t, shares, t, 0);
    ck_net_product(QUERIES, n, d, dout, d, 1, turned_values, t, slopes, t, 0);
    for (long r = 0; r < QUERIES; r++) {
      float *share = shares + r * t, *slope = slopes + r * t;
      long seen = r < rows ? keys_of(a, first + r) : 0;
      float top = r < rows ? statistics[2 * (first + r)] : 0.0f;
      float factor = r < rows ? statistics[2 * (first + r) + 1] : 0.0f;
      for (long i = 0; i < n; i++) share[i] = ck_exp(share[i] - top) * factor;
      for (long i = seen; i < n; i++) share[i] = 0.0f;
      for (long i = 0; i < n; i++) slope[i] *= share[i];
      float mean = sum_of(n, slope);
      for (long i = 0; i < n; i++) slope[i] -= share[i] * mean;
    }
    ck_net_product(n, d, QUERIES, slopes, 1, t, block, d, key_gradient, d, 1);
    ck_net_product(n, d, QUERIES, shares, 1, t, dout, d, value_gradient, d, 1);
    ck_net_product(QUERIES, d, n, slopes, t, 1, keys, d, query_gradient, d, 0);
    unpack(
        rows, width, a->query_stride, a->scale, query_gradient, dq + first * a->query_stride);
  }
  unpack(tokens, width, a->key_stride, 1.0f, key_gradient, dk);
  unpack(tokens, width, a->value_stride, 1.0f, value_gradient, dv);
}
