#include "ck_net_pool.h"

#include "ck_net_math.h"

/* The part of a window that lies inside the image. */
typedef struct {
  long y0, y1, x0, x1;
} window;

CK_NET_INLINE window clip(const ck_net_pool *p, long oy, long ox) {
  long y = oy * p->stride_height - p->top, x = ox * p->stride_width - p->left;
  window w = {y < 0 ? 0 : y, y + p->kernel_height, x < 0 ? 0 : x, x + p->kernel_width};
  if (w.y1 > p->height) w.y1 = p->height;
  if (w.x1 > p->width) w.x1 = p->width;
  return w;
}

/* The position of (y, x) within the window of output (oy, ox). */
CK_NET_INLINE uint16_t position(const ck_net_pool *p, long oy, long ox, long y, long x) {
  long ky = y - oy * p->stride_height + p->top, kx = x - ox * p->stride_width + p->left;
  return (uint16_t)(ky * p->kernel_width + kx);
}

CK_NET void ck_net_max_pool(const ck_net_pool *p, const float *x, float *y, uint16_t *index) {
  long channels = p->channels;
  for (long oy = 0; oy < p->out_height; oy++)
    for (long ox = 0; ox < p->out_width; ox++) {
      window w = clip(p, oy, ox);
      float *out = y + (oy * p->out_width + ox) * channels;
      uint16_t *at = index ? index + (oy * p->out_width + ox) * channels : 0;
      int first = 1;
      for (long iy = w.y0; iy < w.y1; iy++)
        for (long ix = w.x0; ix < w.x1; ix++) {
          const float *in = x + (iy * p->width + ix) * channels;
          uint16_t k = position(p, oy, ox, iy, ix);
          if (first) {
            for (long c = 0; c < channels; c++) out[c] = in[c];
            if (at)
              for (long c = 0; c < channels; c++) at[c] = k;
          } else if (at) {
            for (long c = 0; c < channels; c++) {
              float v = in[c], best = out[c];
              int better = (v > best) | (v != v);
              out[c] = better ? v : best;
              at[c] = better ? k : at[c];
            }
          } else {
            for (long c = 0; c < channels; c++) {
              float v = in[c], best = out[c];
              out[c] = ((v > best) | (v != v)) ? v : best;
            }
          }
          first = 0;
        }
    }
}

/* Whether every pixel lies in exactly one window, so that gradients need neither zeroing nor adding. */
CK_NET_INLINE int tiles_exactly(const ck_net_pool *p) {
  return p->top == 0 && p->left == 0 && p->kernel_height == p->stride_height
      && p->kernel_width == p->stride_width && p->out_height * p->stride_height == p->height
      && p->out_width * p->stride_width == p->width;
}

CK_NET void ck_net_max_pool_backward(
    const ck_net_pool *p, const float *dy, const uint16_t *index, float *dx) {
  long channels = p->channels;
  int exact = tiles_exactly(p);
  if (!exact) memset(dx, 0, sizeof(float) * (size_t)(p->height * p->width * channels));
  for (long oy = 0; oy < p->out_height; oy++)
    for (long ox = 0; ox < p->out_width; ox++) {
      window w = clip(p, oy, ox);
      const float *g = dy + (oy * p->out_width + ox) * channels;
      const uint16_t *at = index + (oy * p->out_width + ox) * channels;
      for (long iy = w.y0; iy < w.y1; iy++)
        for (long ix = w.x0; ix < w.x1; ix++) {
          float *out = dx + (iy * p->width + ix) * channels;
          uint16_t k = position(p, oy, ox, iy, ix);
          if (exact)
            for (long c = 0; c < channels; c++) out[c] = at[c] == k ? g[c] : 0.0f;
          else
            for (long c = 0; c < channels; c++) out[c] += at[c] == k ? g[c] : 0.0f;
        }
    }
}

CK_NET void ck_net_average_pool(const ck_net_pool *p, const float *x, float *y) {
  long channels = p->channels;
  for (long oy = 0; oy < p->out_height; oy++)
    for (long ox = 0; ox < p->out_width; ox++) {
      window w = clip(p, oy, ox);
      float *out = y + (oy * p->out_width + ox) * channels;
      float share = 1.0f / (float)((w.y1 - w.y0) * (w.x1 - w.x0));
      for (long c = 0; c < channels; c++) out[c] = 0;
      for (long iy = w.y0; iy < w.y1; iy++)
        for (long ix = w.x0; ix < w.x1; ix++) {
          const float *in = x + (iy * p->width + ix) * channels;
          for (long c = 0; c < channels; c++) out[c] += in[c];
        }
      for (long c = 0; c < channels; c++) out[c] *= share;
    }
}

CK_NET void ck_net_average_pool_backward(const ck_net_pool *p, const float *dy, float *dx) {
  long channels = p->channels;
  memset(dx, 0, sizeof(float) * (size_t)(p->height * p->width * channels));
  for (long oy = 0; oy < p->out_height; oy++)
    for (long ox = 0; ox < p->out_width; ox++) {
      window w = clip(p, oy, ox);
      const float *g = dy + (oy * p->out_width + ox) * channels;
      float share = 1.0f / (float)((w.y1 - w.y0) * (w.x1 - w.x0));
      for (long iy = w.y0; iy < w.y1; iy++)
        for (long ix = w.x0; ix < w.x1; ix++) {
          float *out = dx + (iy * p->width + ix) * channels;
          for (long c = 0; c < channels; c++) out[c] += g[c] * share;
        }
    }
}
