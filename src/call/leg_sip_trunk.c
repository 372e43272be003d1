/* A leg towards, or from, a trunk: what its settings say about codecs, keys and whose number is shown. */
#include "call/core.h"

#include <errno.h>

#include "base/text.h"
#include "sip/inv.h"
#include "sip/trunk.h"

int zx_call_leg_trunk_rules(struct zx_leg *leg, int64_t trunk_id)
{
	const struct zx_trunk *t = zx_trunk_find(zx_calls.env.sip, trunk_id);
	const struct zx_trunk_conf *c;
	int err;

	if (!t)
		return ENOENT;
	err = zx_trunk_call_begin(zx_calls.env.sip, trunk_id);
	if (err)
		return err;
	c = zx_trunk_conf(t);
	leg->trunk_id = trunk_id;
	for (unsigned i = 0; i < c->codecc; i++)
		leg->allow[i] = c->codecs[i];
	leg->allowc = (uint8_t)c->codecc;
	leg->no_te = c->dtmf == ZX_DTMF_INFO || c->dtmf == ZX_DTMF_INBAND;
	leg->inband = c->dtmf == ZX_DTMF_INBAND;
	leg->info = c->dtmf == ZX_DTMF_INFO;
	return 0;
}

int zx_call_leg_trunk(struct zx_leg **lp, int64_t trunk_id, const char *number, const struct zx_leg_caller *from, const struct zx_leg *near)
{
	const struct zx_trunk *t = zx_trunk_find(zx_calls.env.sip, trunk_id);
	const struct zx_trunk_conf *c;
	struct zx_inv_target target = {.user = number};
	struct zx_inv_caller caller = {.name = ""};
	struct zx_leg *leg;
	int err;

	if (!t)
		return ENOENT;
	c = zx_trunk_conf(t);
	err = zx_trunk_addr(t, &target.peer);
	if (!err)
		err = zx_call_leg_alloc(&leg, number, false);
	if (err)
		return err;
	leg->state = ZX_LEG_OUT_NEW;
	leg->remote = target.peer;
	caller.user = *c->caller_id ? c->caller_id : from->shown && *from->shown ? from->shown : from->num;
	caller.anonymous = !strcasecmp(caller.user, "anonymous");
	caller.asserted = caller.anonymous ? NULL : caller.user;
	caller.diverted = from->diverted && *from->diverted ? from->diverted : NULL;
	if (c->kind == ZX_TRUNK_REGISTER || *c->account) {
		caller.auth_user = c->account;
		caller.auth_secret = c->secret;
	}
	err = zx_call_leg_trunk_rules(leg, trunk_id);
	if (!err)
		err = zx_inv_target_laddr(zx_calls.env.sip, &target, &leg->local);
	if (!err)
		err = zx_call_leg_media_open(leg, near);
	if (!err)
		err = zx_call_leg_connect(leg, &target, &caller, near ? near->codecs : NULL, near ? near->codecc : 0);
	if (err)
		mem_deref(leg);
	else
		*lp = leg;
	return err;
}
