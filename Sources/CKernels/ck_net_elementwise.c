#include "ck_net_elementwise.h"

#include "ck_net_math.h"
#include "ck_target.h"

/* Not max(x, 0): a NaN must come through, so that divergence is seen where it starts. */
CK_NET void ck_net_relu(long n, const float *x, float *y) {
  CK_VECTOR
  for (long i = 0; i < n; i++) y[i] = x[i] < 0.0f ? 0.0f : x[i];
}

CK_NET void ck_net_relu_backward(long n, const float *y, const float *dy, float *dx) {
  CK_VECTOR
  for (long i = 0; i < n; i++) {
    float g = dy[i];
    dx[i] = y[i] > 0.0f ? g : 0.0f;
  }
}

CK_NET void ck_net_sigmoid(long n, const float *x, float *y) {
  CK_VECTOR
  for (long i = 0; i < n; i++) y[i] = ck_sigmoid(x[i]);
}

CK_NET void ck_net_sigmoid_backward(long n, const float *y, const float *dy, float *dx) {
  CK_VECTOR
  for (long i = 0; i < n; i++) dx[i] = dy[i] * y[i] * (1.0f - y[i]);
}

CK_NET void ck_net_tanh(long n, const float *x, float *y) {
  CK_VECTOR
  for (long i = 0; i < n; i++) y[i] = ck_tanh(x[i]);
}

CK_NET void ck_net_tanh_backward(long n, const float *y, const float *dy, float *dx) {
  CK_VECTOR
  for (long i = 0; i < n; i++) dx[i] = dy[i] * (1.0f - y[i] * y[i]);
}

CK_NET void ck_net_silu(long n, const float *x, float *y) {
  CK_VECTOR
  for (long i = 0; i < n; i++) y[i] = x[i] * ck_sigmoid(x[i]);
}

CK_NET void ck_net_silu_backward(long n, const float *x, const float *dy, float *dx) {
  CK_VECTOR
  for (long i = 0; i < n; i++) {
    float s = ck_sigmoid(x[i]);
    dx[i] = dy[i] * s * (1.0f + x[i] * (1.0f - s));
  }
}

CK_NET void ck_net_gelu(long n, const float *x, float *y) {
  CK_VECTOR
  for (long i = 0; i < n; i++) y[i] = x[i] * ck_net_normalf(x[i]);
}

CK_NET void ck_net_gelu_backward(long n, const float *x, const float *dy, float *dx) {
  CK_VECTOR
  for (long i = 0; i < n; i++) {
    float density = 0.398942280f * ck_exp(-0.5f * x[i] * x[i]);
    dx[i] = dy[i] * (ck_net_normalf(x[i]) + x[i] * density);
  }
}

CK_NET void ck_net_add(long n, const float *a, const float *b, float *y) {
  CK_VECTOR
  for (long i = 0; i < n; i++) y[i] = a[i] + b[i];
}

CK_NET int ck_net_all_finite(long n, const float *x) {
  uint32_t bad = 0;
  for (long i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, 4);
    bad |= (bits & 0x7f800000u) == 0x7f800000u;
  }
  return bad == 0;
}

enum { BLOCKS = 16 };

/* The words of BLOCKS successive Philox 4x32-10 blocks, word by word. */
CK_NET_INLINE void philox(
    uint64_t counter, uint64_t stream, uint64_t seed, uint32_t words[4][BLOCKS]) {
  for (int b = 0; b < BLOCKS; b++) {
    uint64_t c = counter + (uint64_t)b;
    uint32_t c0 = (uint32_t)c, c1 = (uint32_t)(c >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
      uint64_t p0 = (uint64_t)c0 * 0xD2511F53u, p1 = (uint64_t)c2 * 0xCD9E8D57u;
      c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
      c1 = (uint32_t)p1;
      c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
      c3 = (uint32_t)p0;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    words[0][b] = c0;
    words[1][b] = c1;
    words[2][b] = c2;
    words[3][b] = c3;
  }
}

CK_NET void ck_net_dropout(
    long first, long n, uint64_t seed, uint64_t stream, uint64_t counter, uint32_t threshold,
    float scale, const float *x, float *y) {
  uint32_t words[4][BLOCKS];
  for (long i = 0; i < n; i += 4 * BLOCKS) {
    philox(counter + (uint64_t)(first + i) / 4, stream, seed, words);
    long count = n - i < 4 * BLOCKS ? n - i : 4 * BLOCKS;
    for (long j = 0; j < count; j++)
      y[i + j] = words[j & 3][j >> 2] < threshold ? 0.0f : x[i + j] * scale;
  }
}
