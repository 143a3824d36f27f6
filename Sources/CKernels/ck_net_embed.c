#include "ck_net_embed.h"

#include "ck_net_math.h"

CK_NET void ck_net_embed(
    long rows, long width, long tokens, const float *symbols, const float *table,
    const float *positions, float *y) {
  for (long i = 0; i < rows; i++) {
    const float *row = table + (long)symbols[i] * width;
    float *to = y + i * width;
    if (positions) {
      const float *place = positions + i % tokens * width;
      for (long c = 0; c < width; c++) to[c] = row[c] + place[c];
    } else {
      for (long c = 0; c < width; c++) to[c] = row[c];
    }
  }
}

CK_NET void ck_net_embed_backward(
    long rows, long width, long vocabulary, long first, long columns, const float *symbols,
    const float *dy, float *gradient) {
  for (long s = 0; s < vocabulary; s++)
    memset(gradient + s * width + first, 0, sizeof(float) * (size_t)columns);
  for (long i = 0; i < rows; i++) {
    float *to = gradient + (long)symbols[i] * width + first;
    const float *from = dy + i * width + first;
    for (long c = 0; c < columns; c++) to[c] += from[c];
  }
}

CK_NET int ck_net_all_symbols(long n, long vocabulary, const float *x) {
  float limit = (float)vocabulary;
  int bad = 0;
  for (long i = 0; i < n; i++)
    bad |= !(x[i] >= 0.0f && x[i] < limit && __builtin_elementwise_trunc(x[i]) == x[i]);
  return !bad;
}
