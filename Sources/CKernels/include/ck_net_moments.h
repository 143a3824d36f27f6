#ifndef CK_NET_MOMENTS_H
#define CK_NET_MOMENTS_H

/* Of each channel of x, which lies as (outer, channels, inner): writes its first value into `shift`, adds the
 * sum and the sum of squares of what its values are above that, and raises `top` to its largest value. */
void ck_net_channel_moments(
    long outer, long channels, long inner, const float *x, double *shift, double *sum, double *square,
    float *top);

#endif
