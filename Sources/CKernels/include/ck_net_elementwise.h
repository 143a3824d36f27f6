#ifndef CK_NET_ELEMENTWISE_H
#define CK_NET_ELEMENTWISE_H
#include <stdint.h>

/* Element-wise loops of network layers. Outputs may be the very array of an input. */

void ck_net_relu(long n, const float *x, float *y);
/* dx = dy where y > 0, else 0 */
void ck_net_relu_backward(long n, const float *y, const float *dy, float *dx);
void ck_net_sigmoid(long n, const float *x, float *y);
void ck_net_sigmoid_backward(long n, const float *y, const float *dy, float *dx);
void ck_net_tanh(long n, const float *x, float *y);
void ck_net_tanh_backward(long n, const float *y, const float *dy, float *dx);
/* x * sigmoid(x) */
void ck_net_silu(long n, const float *x, float *y);
void ck_net_silu_backward(long n, const float *x, const float *dy, float *dx);
/* x times the standard normal distribution function of x: x * (1 + erf(x / sqrt(2))) / 2 */
void ck_net_gelu(long n, const float *x, float *y);
void ck_net_gelu_backward(long n, const float *x, const float *dy, float *dx);
/* y = a + b */
void ck_net_add(long n, const float *a, const float *b, float *y);
/* Zeroes elements whose random word is below `threshold`, multiplies the others by `scale`.
 * Element e of the tensor takes word e % 4 of Philox block counter + e / 4; `first` is a multiple of 4. */
void ck_net_dropout(
    long first, long n, uint64_t seed, uint64_t stream, uint64_t counter, uint32_t threshold,
    float scale, const float *x, float *y);
/* 1 when no element is NaN or infinite. */
int ck_net_all_finite(long n, const float *x);

#endif
