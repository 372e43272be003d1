/* Inside of push: push.c (inbox, thread), push_send.c (sockets, rights, ring). */
#ifndef ZX_WEB_PUSH_PRIV_H
#define ZX_WEB_PUSH_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "web/led.h"
#include "web/push/push.h"
#include "web/session.h"

enum {
	ZX_PUSH_SUBS = 10,
	ZX_PUSH_RING = 1024,
	ZX_PUSH_HASH = 512,
	ZX_PUSH_PENDING = 1024,
};

enum { JOB_CALL, JOB_REG, JOB_TRUNK, JOB_CONFIG, JOB_OPEN, JOB_TEXT, JOB_CLOSE, JOB_RECHECK, JOB_NEWS };

struct zx_push_job {
	struct zx_push_job *next;
	int kind;
	bool urgent;
	enum zx_ev type;
	int64_t ts;
	unsigned hide;
	uint64_t id; /* socket */
	union {
		struct zx_ev_call call;
		struct zx_ev_reg reg;
		struct zx_ev_trunk trunk;
		struct zx_push_config {
			char table[64];
			bool applied;
			int64_t company_id, version;
			int count;
		} config;
		struct {
			struct zx_push_whom whom; /* .users owned */
			const char *t;
			cJSON *js; /* owned */
		} news;
	} u;
};

struct zx_push_open { /* JOB_OPEN, and JOB_TEXT with its text in .cookie */
	struct zx_push_job job;
	bool tls;
	size_t len;
	char cookie[4096], origin[300], host[300];
};

/* Who an event is for. */
struct zx_push_to {
	int64_t company_id;       /* 0: all */
	char ext[ZX_NUM_LEN];     /* "": not one extension's */
	const char *right;        /* NULL: none asked; with ext: either */
	char exts[3][ZX_NUM_LEN]; /* whose it is, for those who do not see the whole company; "": nobody's */
	bool news;                /* right is asked of everybody, also of those who see own rows only */
	int64_t user_id;          /* 0: not one person's */
	int64_t *users;           /* owned by the ring's item; NULL: not restricted */
	unsigned n_users;
};

struct zx_push_item { /* of the ring */
	uint64_t seq;
	struct zx_push_to to;
	char *text[2]; /* [1]: for those who must not see numbers; NULL: the same */
};

struct zx_push_sock {
	struct zx_push_sock *next;
	uint64_t id;
	struct zx_session ses;
	struct zx_led led;      /* owned */
	uint64_t heard, pinged; /* monotonic ms */
};

struct zx_push {
	struct zx_web *web;
	struct zx_bus_sub *subs[ZX_PUSH_SUBS]; /* loop thread */
	pthread_t thread;
	bool running;
	atomic_bool stop;
	atomic_uint sockets, people;
	atomic_uint_fast64_t last_socket;

	pthread_mutex_t mutex; /* guards the inbox */
	pthread_cond_t cond;
	struct zx_push_job *jobs, *jobs_last;
	unsigned n_jobs, n_urgent;
	bool collecting;
	bool overflow;

	/* the pusher's thread alone */
	uint64_t seq;
	int64_t epoch;
	struct zx_push_item ring[ZX_PUSH_RING];
	uint64_t ring_n; /* items ever put */
	struct zx_push_sock *socks[ZX_PUSH_HASH];
	struct zx_push_job *pending[ZX_PUSH_PENDING]; /* newest live state by call or extension */
	unsigned n_pending;
	uint64_t flush_at, tick_at, check_at;
};

/* Takes j if it returns 0; else j is freed too. must: even when the inbox is full. */
int zx_push_post(struct zx_push *p, struct zx_push_job *j, bool must);
void zx_push_job(struct zx_push *p, struct zx_push_job *j); /* takes j */
void zx_push_job_free(struct zx_push_job *j);
void zx_push_resync(struct zx_push *p);
void zx_push_tick(struct zx_push *p);
unsigned zx_push_wait(const struct zx_push *p); /* ms */
void zx_push_clear(struct zx_push *p);

#endif
