#ifndef CK_NET_POOL_H
#define CK_NET_POOL_H
#include <stdint.h>

/* Pooling over windows of channels-last images. `top` and `left` are the padding before the image. */
typedef struct {
  long height, width, channels;
  long out_height, out_width;
  long kernel_height, kernel_width;
  long stride_height, stride_width;
  long top, left;
} ck_net_pool;

/* One image. `index` receives the position within the window of each maximum; may be null. */
void ck_net_max_pool(const ck_net_pool *pool, const float *x, float *y, uint16_t *index);
void ck_net_max_pool_backward(
    const ck_net_pool *pool, const float *dy, const uint16_t *index, float *dx);
/* One image; the average counts only positions inside the image. */
void ck_net_average_pool(const ck_net_pool *pool, const float *x, float *y);
void ck_net_average_pool_backward(const ck_net_pool *pool, const float *dy, float *dx);

#endif
