/* The pusher's thread: who gets what. */
#include "web/push/push_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "web/push/live.h"
#include "web/mask.h"

enum { COLLECT_MS = 200, TICK_MS = 5000, PING_MS = 25000, DEAF_MS = 70000, CHECK_MS = 60000, PER_USER = 32 };

static const char RESYNC[] = "{\"t\":\"resync\"}";
static const char KICKED[] = "{\"t\":\"session.kicked\"}";

/* ---- sockets ---- */

static struct zx_push_sock **sock_at(struct zx_push *p, uint64_t id)
{
	struct zx_push_sock **s = &p->socks[id % ZX_PUSH_HASH];

	while (*s && (*s)->id != id)
		s = &(*s)->next;
	return s;
}

static unsigned count_user(const struct zx_push *p, int64_t user_id)
{
	unsigned n = 0;

	for (unsigned h = 0; h < ZX_PUSH_HASH; h++)
		for (const struct zx_push_sock *s = p->socks[h]; s; s = s->next)
			n += s->ses.user.id == user_id;
	return n;
}

static void sock_free(struct zx_push *p, struct zx_push_sock **s)
{
	struct zx_push_sock *gone = *s;

	*s = gone->next;
	if (!count_user(p, gone->ses.user.id))
		atomic_fetch_sub(&p->people, 1);
	zx_led_free(&gone->led);
	free(gone);
	atomic_fetch_sub(&p->sockets, 1);
	atomic_store(&p->last_socket, zx_mono_ms());
}

static void send_text(struct zx_push *p, const struct zx_push_sock *s, const char *text)
{
	zx_front_ws_send(p->web->front, s->id, text, strlen(text));
}

/* ---- events to sockets ---- */

static bool news_for(const struct zx_push_to *to, const struct zx_user *u)
{
	bool listed = !to->users;

	if ((to->company_id && u->company_id != to->company_id) || (to->user_id && u->id != to->user_id))
		return false;
	for (unsigned i = 0; i < to->n_users && !listed; i++)
		listed = to->users[i] == u->id;
	return listed && (!to->right || zx_rights_have(u->rights, to->right));
}

static bool meant_for(const struct zx_push_to *to, const struct zx_push_sock *s)
{
	const char *const exts[] = {to->exts[0], to->exts[1], to->exts[2]};
	const struct zx_user *u = &s->ses.user;

	if (to->news)
		return news_for(to, u);
	if (to->company_id && u->scope != ZX_SCOPE_SYSTEM && u->company_id != to->company_id)
		return false;
	if (to->ext[0] && !strcmp(to->ext, u->ext))
		return u->company_id == to->company_id;
	if (!to->right)
		return !to->ext[0];
	return zx_rights_have(u->rights, to->right) && zx_led_sees(&s->led, u, exts, 3);
}

static const char *text_for(const struct zx_push_item *it, const struct zx_user *u)
{
	return u->mask && it->text[1] ? it->text[1] : it->text[0];
}

static void send_all(struct zx_push *p, const struct zx_push_item *it)
{
	for (unsigned h = 0; h < ZX_PUSH_HASH; h++)
		for (struct zx_push_sock *s = p->socks[h]; s; s = s->next)
			if (meant_for(&it->to, s))
				send_text(p, s, text_for(it, &s->ses.user));
}

static char *stamped(struct zx_push *p, cJSON *js, const char *t, int64_t ts)
{
	char *text;

	cJSON_AddStringToObject(js, "t", t);
	zx_json_add_int(js, "seq", (int64_t)p->seq);
	zx_json_add_int(js, "ts", ts);
	text = cJSON_PrintUnformatted(js);
	cJSON_Delete(js);
	return text;
}

/* Gives it a number, keeps it for replay, sends it. masked may be NULL. */
static void publish(struct zx_push *p, const struct zx_push_to *to, const char *t, int64_t ts, cJSON *plain, cJSON *masked)
{
	struct zx_push_item *it = &p->ring[p->ring_n % ZX_PUSH_RING];

	cJSON_free(it->text[0]);
	cJSON_free(it->text[1]);
	free(it->to.users);
	p->seq++;
	p->ring_n++;
	it->seq = p->seq;
	it->to = *to;
	it->text[0] = stamped(p, plain, t, ts);
	it->text[1] = masked ? stamped(p, masked, t, ts) : NULL;
	if (it->text[0])
		send_all(p, it);
}

static const char *call_event(enum zx_ev type)
{
	switch (type) {
	case ZX_EV_CALL_RINGING:
		return "call.ringing";
	case ZX_EV_CALL_ANSWERED:
		return "call.answered";
	case ZX_EV_CALL_HELD:
		return "call.held";
	case ZX_EV_CALL_RESUMED:
		return "call.resumed";
	case ZX_EV_CALL_TRANSFERRED:
		return "call.transferred";
	case ZX_EV_CALL_ENDED:
		return "call.ended";
	default:
		return "live.call";
	}
}

static void publish_call(struct zx_push *p, const struct zx_push_job *j)
{
	const struct zx_ev_call *c = &j->u.call;
	const bool live = j->type == ZX_EV_CALL_LIVE;
	struct zx_push_to to = {.company_id = c->company_id, .right = live ? "live:list" : NULL};
	struct zx_db *db;
	cJSON *v[2];

	if (!live)
		zx_strcpy(to.ext, sizeof(to.ext), c->ext);
	zx_strcpy(to.exts[0], sizeof(to.exts[0]), c->ext);
	zx_strcpy(to.exts[1], sizeof(to.exts[1]), c->from);
	zx_strcpy(to.exts[2], sizeof(to.exts[2]), c->to);
	for (unsigned i = 0; i < 2; i++) {
		v[i] = NULL;
		if (i && !j->hide)
			break;
		v[i] = cJSON_CreateObject();
		cJSON_AddItemToObject(v[i], "call", zx_live_json(c, i ? j->hide : 0));
		if (live)
			cJSON_AddBoolToObject(v[i], "gone", c->state == ZX_CALL_ENDED);
		if (j->type != ZX_EV_CALL_RINGING)
			continue;
		cJSON_AddItemToObject(v[i], "history",
				      zx_store_reader(p->web->env.store, &db) ? cJSON_CreateArray()
									      : zx_live_history(db, c->company_id, c->peer, c->call_id, i));
		zx_live_location(v[i], c->peer);
	}
	publish(p, &to, call_event(j->type), j->ts, v[0], v[1]);
}

static void publish_reg(struct zx_push *p, const struct zx_push_job *j)
{
	const struct zx_ev_reg *r = &j->u.reg;
	struct zx_push_to to = {.company_id = r->company_id, .right = "extensions:list"};
	cJSON *js = cJSON_CreateObject();

	zx_strcpy(to.ext, sizeof(to.ext), r->ext);
	zx_strcpy(to.exts[0], sizeof(to.exts[0]), r->ext);
	cJSON_AddStringToObject(js, "ext", r->ext);
	cJSON_AddBoolToObject(js, "online", r->online);
	cJSON_AddNumberToObject(js, "bindings", r->bindings);
	if (r->rtt_us >= 0)
		cJSON_AddNumberToObject(js, "rtt_us", r->rtt_us);
	else
		cJSON_AddNullToObject(js, "rtt_us");
	publish(p, &to, "ext.reg", j->ts, js, NULL);
}

static void publish_trunk(struct zx_push *p, const struct zx_push_job *j)
{
	const struct zx_push_to to = {.company_id = j->u.trunk.company_id, .right = "trunks:list"};
	cJSON *js = cJSON_CreateObject();

	zx_json_add_int(js, "trunk_id", j->u.trunk.trunk_id);
	publish(p, &to, "trunk", j->ts, js, NULL);
}

static void publish_config(struct zx_push *p, const struct zx_push_job *j)
{
	const struct zx_push_config *c = &j->u.config;
	const struct zx_push_to to = {.company_id = c->company_id, .right = "config:list"};
	cJSON *js = cJSON_CreateObject();

	if (c->company_id)
		zx_json_add_int(js, "company_id", c->company_id);
	if (c->applied) {
		zx_json_add_int(js, "version", c->version);
	} else {
		cJSON_AddStringToObject(js, "table", c->table);
		if (c->count >= 0)
			cJSON_AddNumberToObject(js, "count", c->count);
	}
	publish(p, &to, c->applied ? "config.applied" : "config.dirty", j->ts, js, NULL);
}

static void publish_news(struct zx_push *p, struct zx_push_job *j)
{
	const struct zx_push_whom *w = &j->u.news.whom;
	const struct zx_push_to to = {.news = true,
				      .company_id = w->company_id,
				      .user_id = w->user_id,
				      .users = (int64_t *)w->users,
				      .n_users = w->n_users,
				      .right = w->right};

	publish(p, &to, j->u.news.t, j->ts, j->u.news.js, NULL);
	j->u.news.js = NULL;
	j->u.news.whom.users = NULL;
}

void zx_push_job_free(struct zx_push_job *j)
{
	if (j && j->kind == JOB_NEWS) {
		cJSON_Delete(j->u.news.js);
		free((int64_t *)j->u.news.whom.users);
	}
	free(j);
}

/* ---- what may wait: only the newest state counts ---- */

static void flush(struct zx_push *p)
{
	for (unsigned i = 0; i < ZX_PUSH_PENDING && p->n_pending; i++) {
		struct zx_push_job *j = p->pending[i];
		if (!j)
			continue;
		p->pending[i] = NULL;
		p->n_pending--;
		if (j->kind == JOB_CALL)
			publish_call(p, j);
		else
			publish_reg(p, j);
		free(j);
	}
	p->flush_at = 0;
}

static bool same_thing(const struct zx_push_job *a, const struct zx_push_job *b)
{
	if (a->kind != b->kind)
		return false;
	return a->kind == JOB_CALL ? a->u.call.call_id == b->u.call.call_id : !strcmp(a->u.reg.ext, b->u.reg.ext);
}

static void collect(struct zx_push *p, struct zx_push_job *j)
{
	uint64_t h = (uint64_t)j->u.call.call_id * 0x9e3779b97f4a7c15ULL >> 40;

	if (j->kind == JOB_REG)
		for (const char *s = j->u.reg.ext; *s; s++)
			h = h * 31 + (uint8_t)*s;
	struct zx_push_job **at = &p->pending[h % ZX_PUSH_PENDING];
	if (*at && !same_thing(*at, j))
		flush(p);
	if (*at)
		free(*at);
	else
		p->n_pending++;
	*at = j;
	if (!p->flush_at)
		p->flush_at = zx_mono_ms() + COLLECT_MS;
}

/* ---- sockets come, speak and go ---- */

/* Whose data a leader sees; nobody's when it cannot be read. */
static void led_read(struct zx_push *p, struct zx_push_sock *s)
{
	struct zx_db *db;

	zx_led_free(&s->led);
	if (!zx_store_reader(p->web->env.store, &db))
		zx_led_load(&s->led, db, &s->ses.user);
}

static void open_sock(struct zx_push *p, const struct zx_push_open *o)
{
	struct zx_push_sock *s = NULL;
	char hello[160];
	unsigned status = 403;

	if (zx_origin_ok(o->origin, o->host, true)) {
		s = calloc(1, sizeof(*s));
		status = 503;
	}
	if (s) {
		const int err = zx_session_load(&s->ses, p->web, o->cookie, o->tls);
		status = err == ENOENT                               ? 401
			 : err                                       ? 503
			 : s->ses.user.must_change                   ? 403
			 : count_user(p, s->ses.user.id) >= PER_USER ? 503
								     : 0;
	}
	if (status) {
		free(s);
		zx_front_ws_refuse(p->web->front, o->job.id, status);
		return;
	}
	s->id = o->job.id;
	s->heard = s->pinged = zx_mono_ms();
	led_read(p, s);
	if (!count_user(p, s->ses.user.id))
		atomic_fetch_add(&p->people, 1);
	s->next = p->socks[s->id % ZX_PUSH_HASH];
	p->socks[s->id % ZX_PUSH_HASH] = s;
	atomic_fetch_add(&p->sockets, 1);
	zx_session_touch(&s->ses, p->web);
	zx_front_ws_accept(p->web->front, s->id);
	snprintf(hello, sizeof(hello), "{\"t\":\"hello\",\"seq\":%llu,\"epoch\":%lld,\"ts\":%lld,\"version\":\"%s\"}",
		 (unsigned long long)p->seq, (long long)p->epoch, (long long)zx_wall_ms(), ZX_VERSION);
	send_text(p, s, hello);
}

/* Everything after `last`, or the order to fetch again when it is no longer known. */
static void replay(struct zx_push *p, const struct zx_push_sock *s, uint64_t last)
{
	const uint64_t n = p->ring_n < ZX_PUSH_RING ? p->ring_n : ZX_PUSH_RING, first = p->seq - n;

	if (last > p->seq || last < first) {
		send_text(p, s, RESYNC);
		return;
	}
	for (uint64_t seq = last + 1; seq <= p->seq; seq++) {
		const struct zx_push_item *it = &p->ring[(p->ring_n - 1 - (p->seq - seq)) % ZX_PUSH_RING];
		if (it->text[0] && meant_for(&it->to, s))
			send_text(p, s, text_for(it, &s->ses.user));
	}
}

static void heard(struct zx_push *p, struct zx_push_sock *s, const char *text, size_t len)
{
	cJSON *js = zx_json_parse(text, len);
	const char *t = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(js, "t"));
	const cJSON *last = cJSON_GetObjectItemCaseSensitive(js, "last");

	s->heard = zx_mono_ms();
	if (t && !strcmp(t, "hello") && cJSON_IsNumber(last) && last->valuedouble > 0 && last->valuedouble < 9e15)
		replay(p, s, (uint64_t)last->valuedouble);
	if (t && !strcmp(t, "pong"))
		zx_session_touch(&s->ses, p->web);
	cJSON_Delete(js);
}

/* Sessions that have ended; rights that have changed are taken over. */
static void recheck(struct zx_push *p)
{
	for (unsigned h = 0; h < ZX_PUSH_HASH; h++) {
		for (struct zx_push_sock **s = &p->socks[h]; *s;) {
			const int err = zx_session_reload(&(*s)->ses, p->web);
			if (err != ENOENT) {
				led_read(p, *s);
				s = &(*s)->next;
				continue;
			}
			send_text(p, *s, KICKED);
			zx_front_ws_close(p->web->front, (*s)->id, 4401);
			sock_free(p, s);
		}
	}
	p->check_at = zx_mono_ms() + CHECK_MS;
}

void zx_push_resync(struct zx_push *p)
{
	for (unsigned h = 0; h < ZX_PUSH_HASH; h++)
		for (struct zx_push_sock *s = p->socks[h]; s; s = s->next)
			send_text(p, s, RESYNC);
}

void zx_push_job(struct zx_push *p, struct zx_push_job *j)
{
	struct zx_push_sock **s;

	switch (j->kind) {
	case JOB_CALL:
		if (j->type == ZX_EV_CALL_LIVE) {
			collect(p, j);
			return;
		}
		publish_call(p, j);
		break;
	case JOB_REG:
		collect(p, j);
		return;
	case JOB_TRUNK:
		publish_trunk(p, j);
		break;
	case JOB_CONFIG:
		publish_config(p, j);
		break;
	case JOB_OPEN:
		open_sock(p, (const struct zx_push_open *)(const void *)j);
		break;
	case JOB_TEXT: {
		const struct zx_push_open *o = (const struct zx_push_open *)(const void *)j;
		s = sock_at(p, j->id);
		if (*s)
			heard(p, *s, o->cookie, o->len);
		break;
	}
	case JOB_CLOSE:
		s = sock_at(p, j->id);
		if (*s)
			sock_free(p, s);
		break;
	case JOB_RECHECK:
		recheck(p);
		break;
	case JOB_NEWS:
		publish_news(p, j);
		break;
	}
	zx_push_job_free(j);
}

static void ping(struct zx_push *p, uint64_t now)
{
	char text[96];

	snprintf(text, sizeof(text), "{\"t\":\"ping\",\"seq\":%llu,\"ts\":%lld}", (unsigned long long)p->seq, (long long)zx_wall_ms());
	for (unsigned h = 0; h < ZX_PUSH_HASH; h++) {
		for (struct zx_push_sock **s = &p->socks[h]; *s;) {
			if (now - (*s)->heard > DEAF_MS) {
				zx_front_ws_close(p->web->front, (*s)->id, 4408);
				sock_free(p, s);
				continue;
			}
			if (now - (*s)->pinged >= PING_MS) {
				(*s)->pinged = now;
				send_text(p, *s, text);
			}
			s = &(*s)->next;
		}
	}
}

void zx_push_tick(struct zx_push *p)
{
	const uint64_t now = zx_mono_ms();

	if (p->flush_at && now >= p->flush_at)
		flush(p);
	if (now >= p->tick_at) {
		p->tick_at = now + TICK_MS;
		ping(p, now);
	}
	if (now >= p->check_at)
		recheck(p);
}

unsigned zx_push_wait(const struct zx_push *p)
{
	const uint64_t now = zx_mono_ms();

	if (p->flush_at)
		return p->flush_at > now ? (unsigned)(p->flush_at - now) : 0;
	return atomic_load(&p->sockets) ? TICK_MS : 60000;
}

void zx_push_clear(struct zx_push *p)
{
	for (unsigned i = 0; i < ZX_PUSH_RING; i++) {
		free(p->ring[i].to.users);
		cJSON_free(p->ring[i].text[0]);
		cJSON_free(p->ring[i].text[1]);
	}
	for (unsigned i = 0; i < ZX_PUSH_PENDING; i++)
		free(p->pending[i]);
	for (unsigned h = 0; h < ZX_PUSH_HASH; h++) {
		while (p->socks[h]) {
			struct zx_push_sock *n = p->socks[h]->next;
			zx_led_free(&p->socks[h]->led);
			free(p->socks[h]);
			p->socks[h] = n;
		}
	}
}
