#include "media/priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { PROMPT_BYTES = 64 << 20 }; /* over an hour of sound */

static void media_destroy(void *arg)
{
	struct zx_media *m = arg;

	for (unsigned i = 0; i < m->nthreads; i++)
		zx_mt_stop(&m->mt[i]);
	tmr_cancel(&m->wake);
	zx_recw_stop(m->recw);
	mem_deref(m->prompts);
	zx_ports_free(m->ports);
	free(m->mt);
	free(m->sounds_dir);
	free(m->rec_dir);
}

int zx_media_alloc(struct zx_media **mp, const struct zx_media_conf *conf)
{
	uint32_t rnd[3] = {0};
	struct zx_media *m;
	int err;

	if (!conf->threads || !conf->sounds_dir || !conf->rec_dir)
		return EINVAL;
	m = mem_zalloc(sizeof(*m), media_destroy);
	if (!m)
		return ENOMEM;
	tmr_init(&m->wake);
	(void)!getrandom(rnd, sizeof(rnd), 0);
	re_snprintf(m->cname, sizeof(m->cname), "%08x%08x%08x", rnd[0], rnd[1], rnd[2]);
	zx_pcm_init();
	m->epoll_only = conf->epoll_only;
	m->sounds_dir = strdup(conf->sounds_dir);
	m->rec_dir = strdup(conf->rec_dir);
	m->mt = calloc(conf->threads, sizeof(*m->mt));
	err = m->sounds_dir && m->rec_dir && m->mt ? zx_srtp_init() : ENOMEM;
	err = err ? err : zx_ports_alloc(&m->ports, conf->port_min, conf->port_max);
	err = err ? err : zx_prompts_alloc(&m->prompts, m->sounds_dir, PROMPT_BYTES);
	err = err ? err : zx_recw_alloc(&m->recw, m->rec_dir, conf->rec_min_free_mb);
	while (!err && m->nthreads < conf->threads) {
		err = zx_mt_start(&m->mt[m->nthreads], m, m->nthreads);
		m->nthreads += !err;
	}
	if (err)
		mem_deref(m);
	else
		*mp = m;
	return err;
}

void zx_media_stats(const struct zx_media *m, struct zx_media_stats *st)
{
	*st = (struct zx_media_stats){.streams = m->nstreams, .ports_free = zx_ports_left(m->ports)};
	for (unsigned i = 0; i < m->nthreads; i++) {
		st->late_ticks += ZX_GET(m->mt[i].late);
		st->rx_packets += ZX_GET(m->mt[i].rx);
		st->tx_packets += ZX_GET(m->mt[i].tx);
	}
}
