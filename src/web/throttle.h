/*
 * Login throttling: bounded tables of failures per address, per login, and per login from one address, with exponential delay.
 * Nobody is locked out for good: the delay ends by itself, and the one of a login alone (which strangers can provoke) is short.
 */
#ifndef ZX_WEB_THROTTLE_H
#define ZX_WEB_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

struct zx_throttle;

struct zx_throttle *zx_throttle_new(void);
void zx_throttle_free(struct zx_throttle *t);
/* ms to wait before another try is looked at; 0 = now. Counts nothing. Any thread. */
uint64_t zx_throttle_wait(struct zx_throttle *t, const char *addr, const char *login, uint64_t now);
void zx_throttle_failed(struct zx_throttle *t, const char *addr, const char *login, uint64_t now);
/* Codes of the second factor: whoever tries them knows the password already, so the delay is long, and the person's alone. */
uint64_t zx_throttle_code_wait(struct zx_throttle *t, const char *login, uint64_t now);
void zx_throttle_code_failed(struct zx_throttle *t, const char *login, uint64_t now);
void zx_throttle_code_passed(struct zx_throttle *t, const char *login);
void zx_throttle_passed(struct zx_throttle *t, const char *addr, const char *login);

#endif
