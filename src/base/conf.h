/*
 * The daemon's own configuration (zuoxid.conf and --set): one table of keys with type, default, range and help.
 * File format: `key = value` lines, `#` comments. The commented sample file is printed from the same table.
 */
#ifndef ZX_BASE_CONF_H
#define ZX_BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { ZX_CONF_STR = 256 };

/* Filled from the table in conf.c; every field has exactly one key. Lists of addresses are comma separated. */
struct zx_conf {
	char log_level[16];                                             /* log.level: error warn info debug */
	char sip_listen[ZX_CONF_STR];                                   /* sip.listen: addresses, "*" = every local address */
	uint32_t sip_port;                                              /* sip.port 5084 UDP and TCP */
	uint32_t sip_tls_port;                                          /* sip.tls_port 5085; 0 = off */
	char sip_realm[64];                                             /* sip.realm */
	char sip_digest[16];                                            /* sip.digest: both md5 sha-256 */
	uint32_t sip_expires_min, sip_expires_max, sip_expires_default; /* s */
	uint32_t sip_max_bindings;                                      /* per extension */
	uint32_t sip_options_interval;                                  /* s between OPTIONS pings to a phone; 0 = off */
	uint32_t sip_ban_failures, sip_ban_window, sip_ban_time;        /* n, s, s */
	uint32_t sip_session_expires, sip_min_se;                       /* s, RFC 4028 */
	uint32_t sip_ring_timeout;                                      /* s */
	char sip_external_addr[64]; /* sip.external_address: put into Contact and SDP for phones that are not in local nets */
	char sip_local_nets[ZX_CONF_STR];
	char http_listen[ZX_CONF_STR];                        /* http.listen */
	uint32_t http_port;                                   /* 8080; 0 = off */
	uint32_t https_port;                                  /* 8443; 0 = off */
	char https_cert[ZX_CONF_STR], https_key[ZX_CONF_STR]; /* PEM files; empty = own CA and certificate */
	uint32_t http_threads;                                /* civetweb workers; WebSockets hold none */
	char web_root[ZX_CONF_STR];                           /* folder of the built browser application */
	uint32_t rtp_port_min, rtp_port_max;
	char rtp_listen[ZX_CONF_STR]; /* media addresses, "*" = the address the signalling arrived on */
	uint32_t media_threads;       /* 0 = one per core */
	char sounds_dir[ZX_CONF_STR];
	char recordings_dir[ZX_CONF_STR]; /* empty = DATA/recordings */
	uint32_t rec_min_free_mb;         /* below this free space recording stops */
	uint32_t call_max;                /* calls at once, 0 = no limit */
	uint32_t licence_extensions;      /* 0 = unlimited */
	char backup_dir[ZX_CONF_STR];     /* empty = DATA/backups */
	bool system_power;                /* pages may restart and shut down the machine */
	uint32_t session_idle;            /* s without a request before a web session ends */
};

void zx_conf_defaults(struct zx_conf *c);
/* 0, or EINVAL with a message that names file, line, key and what is allowed. */
int zx_conf_load(struct zx_conf *c, const char *path, char *errbuf, size_t errlen);
int zx_conf_set(struct zx_conf *c, const char *key_eq_value, char *errbuf, size_t errlen);
/* Checks between keys (port ranges, threads). */
int zx_conf_check(const struct zx_conf *c, char *errbuf, size_t errlen);
/* The commented sample file. */
void zx_conf_print_sample(FILE *f);

#endif
