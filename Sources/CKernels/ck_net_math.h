#ifndef CK_NET_MATH_H
#define CK_NET_MATH_H
#include <stdint.h>
#include <string.h>

/* One source, three instruction sets, chosen when the process starts. */
#define CK_NET __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define CK_NET_INLINE static inline __attribute__((always_inline))

/* exp(x) = (1 + fraction) * scale with |fraction| < 0.42, x within float's range (Cephes' polynomial).
 * Written without library calls so that loops over it become vector code. */
CK_NET_INLINE float ck_net_exp_parts(float x, float *scale) {
  x = x > 88.3f ? 88.3f : x;
  x = x < -87.3f ? -87.3f : x;
  /* adding 1.5 * 2^23 rounds to an integer */
  float n = x * 1.44269504f + 12582912.0f;
  n = n - 12582912.0f;
  float r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  int32_t bits = ((int32_t)n + 127) << 23;
  memcpy(scale, &bits, 4);
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return p * r * r + r;
}

CK_NET_INLINE float ck_net_expf(float x) {
  float scale, fraction = ck_net_exp_parts(x, &scale);
  return fraction * scale + scale;
}

CK_NET_INLINE float ck_net_sigmoidf(float x) { return 1.0f / (1.0f + ck_net_expf(-x)); }

/* By exp(-2|x|) - 1, which keeps full precision near 0. */
CK_NET_INLINE float ck_net_tanhf(float x) {
  float a = x < 0 ? -x : x;
  float scale, fraction = ck_net_exp_parts(-2.0f * a, &scale);
  float e = fraction * scale + (scale - 1.0f);
  float t = -e / (e + 2.0f);
  return x < 0 ? -t : t;
}

/* The standard normal distribution function by N. Juffa's polynomials for erf, within 1e-7. */
CK_NET_INLINE float ck_net_normalf(float x) {
  float a = x < 0 ? -x : x;
  float t = a * 0.707106781f;
  t = t > 9.3f ? 9.3f : t;
  float s = t * t;
  float far = -1.72853470e-5f * t + 3.83197126e-4f;
  far = far * s + (-3.88396438e-3f * t + 2.42546219e-2f);
  far = far * t - 1.06777877e-1f;
  far = far * t - 6.34846687e-1f;
  far = far * t - 1.28717512e-1f;
  far = ck_net_expf(far * t - t);
  float near = -5.96761703e-4f;
  near = near * s + 4.99119423e-3f;
  near = near * s - 2.67681349e-2f;
  near = near * s + 1.12819925e-1f;
  near = near * s - 3.76125336e-1f;
  near = near * s + 1.28379166e-1f;
  near = 1.0f - (near * t + t);
  float outside = 0.5f * (t > 0.927734375f ? far : near);
  return x < 0 ? outside : 1.0f - outside;
}

#endif
