#ifndef CK_NET_MOMENTS_H
#define CK_NET_MOMENTS_H

/* Of each channel of x, which lies as (outer, channels, inner): adds its sum and its sum of squares to
 * those given, and raises `top` to its largest value. */
void ck_net_channel_moments(
    long outer, long channels, long inner, const float *x, double *sum, double *square, float *top);

#endif
