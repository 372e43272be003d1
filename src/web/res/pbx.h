/* What the descriptors of the PBX pages have in common. */
#ifndef ZX_WEB_RES_PBX_H
#define ZX_WEB_RES_PBX_H

#include "web/res/res.h"

/* What columns refer to: a row of the same company. */
extern const struct zx_q_table zx_ref_companies, zx_ref_extensions, zx_ref_queues, zx_ref_ivrs, zx_ref_trunks, zx_ref_prompts, zx_ref_music,
    zx_ref_holidays;

/* ---- columns ---- */
#define ZX_PBX_FIND (ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_QUICK | ZX_Q_EQ | ZX_Q_CONTAINS | ZX_Q_NULL | ZX_Q_WRITE)
#define ZX_PBX_NUMBER (ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_QUICK | ZX_Q_EQ | ZX_Q_RANGE | ZX_Q_PREFIX | ZX_Q_CONTAINS | ZX_Q_WRITE)
#define ZX_PBX_INT (ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_RANGE | ZX_Q_WRITE)
#define ZX_PBX_REF (ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_NULL | ZX_Q_WRITE)

#define ZX_PROMPT_WHERE "t.kind = 'prompt'"
#define ZX_MUSIC_WHERE "t.kind = 'music'"
#define ZX_PBX_JOINS "LEFT JOIN companies c ON c.id = t.company_id"
/* clang-format off */
#define ZX_PBX_COLS_HEAD                                                                                                                   \
	{"id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ, NULL},                                                                     \
	{"company_id", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_INSERT, &zx_ref_companies},                                  \
	{"company_id_label", "c.name", ZX_Q_TEXT, ZX_Q_SHOW, NULL}
#define ZX_PBX_COLS_TAIL                                                                                                                   \
	{"created", NULL, ZX_Q_INT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_RANGE | ZX_Q_INSERT, NULL},                                               \
	{"rev", NULL, ZX_Q_INT, ZX_Q_SHOW, NULL}
/* A reference and what it is called. */
#define ZX_PBX_COL_REF(key, to, label)                                                                                                     \
	{key, NULL, ZX_Q_INT, ZX_PBX_REF, to}, {key "_label", label, ZX_Q_TEXT, ZX_Q_SHOW, NULL}
#define ZX_PBX_PROMPT_LABEL(col) "(SELECT CASE p.name WHEN '' THEN p.file ELSE p.name END FROM prompts p WHERE p.id = " col ")"
#define ZX_PBX_EXT_LABEL(col) "(SELECT e.number || CASE e.name WHEN '' THEN '' ELSE ' ' || e.name END FROM extensions e WHERE e.id = " col ")"
#define ZX_PBX_TRUNK_LABEL(col) "(SELECT r.name FROM trunks r WHERE r.id = " col ")"
/* application, parameter, both in words */
#define ZX_PBX_COLS_TARGET(app, param)                                                                                                     \
	{app, NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_SORT | ZX_Q_EQ | ZX_Q_WRITE, NULL},                                                        \
	{param, NULL, ZX_Q_TEXT, ZX_Q_SHOW | ZX_Q_EQ | ZX_Q_WRITE, NULL},                                                                  \
	{app "_label", ZX_TARGET_LABEL("t." app, "t." param), ZX_Q_TEXT, ZX_Q_SHOW, NULL}

/* ---- fields ---- */
#define ZX_PBX_FIELD_COMPANY                                                                                                               \
	{.key = "company_id",                                                                                                              \
	 .type = ZX_F_REF,                                                                                                                 \
	 .label = {"公司名称", "Company"},                                                                                                 \
	 .in = ZX_IN_LIST | ZX_IN_FORM | ZX_IN_ADV,                                                                                        \
	 .flags = ZX_FF_SYSTEM | ZX_FF_CREATE,                                                                                             \
	 .ref = "companies",                                                                                                               \
	 .help_zh = "属于哪一家公司，保存后不能更改；留空为您自己的公司",                                                                  \
	 .help_en = "Whose it is, fixed once saved; left empty: your own company"}
#define ZX_PBX_FIELD_CREATED(where)                                                                                                        \
	{.key = "created", .type = ZX_F_DATETIME, .label = {"添加时间", "Added"}, .in = where, .flags = ZX_FF_READONLY}
#define ZX_PBX_GROUP .group = {"PBX设置", "PBX settings"}, .group_id = "pbx", .icon = "pbx", .apply = true
/* clang-format on */

#define ZX_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- checks: NULL or an error code ---- */
const char *zx_pbx_check_number(const char *text);  /* 3 to 8 digits */
const char *zx_pbx_check_pattern(const char *text); /* X Z N [1-5] . */
const char *zx_pbx_check_dial(const char *text);    /* digits * # and a leading + */
const char *zx_pbx_check_secret(const char *text);  /* 8 or more printable characters without spaces */

/* ---- hooks ---- */
int zx_pbx_prepare(struct zx_res_write *w, cJSON *errors);         /* when it was made, whose it is */
int zx_pbx_order_number(struct zx_db *db, struct zx_res_write *w); /* nothing else has this number */

/* What has a number: the resource's name, NULL when it is free (but for that row). */
int zx_pbx_number_taken(struct zx_db *db, const char *number, const char *resource, int64_t id, char *by, size_t len);
/* The value after the change: of the write, else as it was. In order(). */
const char *zx_pbx_text(const struct zx_res_write *w, const char *key);
int64_t zx_pbx_int(const struct zx_res_write *w, const char *key); /* 0: none */
/* Of a row; also of a choice, which rows have as text. 0: none */
int64_t zx_pbx_item_int(const cJSON *row, const char *key);
/* "keys.2.app": where in a list something is wrong. item NULL: the list has one column. */
void zx_pbx_at(char out[static 48], const char *key, unsigned row, const char *item);
/* EINVAL with the field to blame. */
int zx_pbx_fault(struct zx_res_write *w, const char *key, const char *code);
/* Seals the write's secret; makes one that is shown once when there is none and `make`. */
int zx_pbx_secret(struct zx_res_write *w, bool make);
/* POST :id/secret of a resource whose secret a phone or a gateway has to be given; audited. */
void zx_pbx_secret_h(struct zx_req *r);

#endif
