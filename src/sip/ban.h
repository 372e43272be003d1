/*
 * Failed log-ins by address, by account and by pair of both, in tables of fixed size. An address from which phones log in all right is not
 * banned for one bad phone behind it (an office NAT): there only the pair is. An account under attack is never locked: strangers get fewer
 * tries.
 */
#ifndef ZX_SIP_BAN_H
#define ZX_SIP_BAN_H

#include "base/re.h"

struct zx_bans;

struct zx_ban_limits {
	uint32_t failures, window, time; /* n, s, s; failures 0 = never ban */
};

int zx_bans_alloc(struct zx_bans **bp, const struct zx_ban_limits *lim);
/* To be dropped unread. O(1). */
bool zx_ban_is(const struct zx_bans *b, const struct sa *src);
/* This account is not tried from there for now. */
bool zx_ban_pair_is(const struct zx_bans *b, const struct sa *src, const struct pl *user);
/* Wrong credentials. True when a ban began by it. */
bool zx_ban_failure(struct zx_bans *b, const struct sa *src, const struct pl *user);
void zx_ban_success(struct zx_bans *b, const struct sa *src, const struct pl *user);

#endif
