#include "ck_window.h"

#define LANES 64

void ck_window(
    float *z, const float *a, int64_t outer, int64_t n, int64_t inner, int64_t before, int64_t after) {
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t i = 0; i < n; i++) {
      int64_t first = i > before ? i - before : 0, last = i + after < n - 1 ? i + after : n - 1;
      float *to = z + (o * n + i) * inner;
      for (int64_t k = 0; k < inner; k += LANES) {
        int64_t count = inner - k < LANES ? inner - k : LANES;
        double sums[LANES] = {0};
        for (int64_t j = first; j <= last; j++) {
          const float *from = a + (o * n + j) * inner + k;
          for (int64_t l = 0; l < count; l++) sums[l] += from[l];
        }
        for (int64_t l = 0; l < count; l++) to[k + l] = (float)sums[l];
      }
    }
  }
}
