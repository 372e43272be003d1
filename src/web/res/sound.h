/* What 提示语音 and 队列背景音 share: one table, told apart by its kind; the sounds are DATA/sounds/SHA.wav. */
#ifndef ZX_WEB_RES_SOUND_H
#define ZX_WEB_RES_SOUND_H

#include "web/res/pbx.h"

#define ZX_SOUND_ACCEPT ".wav,.mp3,.flac,.ogg,.oga,.opus,.aiff,.aif,.aifc,.au,.snd,.w64,.caf"

enum { ZX_SOUND_COLS = 11 };
extern const struct zx_q_col zx_sound_cols[ZX_SOUND_COLS];

int zx_sound_prepare(struct zx_res_write *w, cJSON *errors);
/* POST upload?name=&company_id=&replace=: the raw file. */
void zx_sound_upload_h(struct zx_req *r);
/* GET :id/audio. */
void zx_sound_audio_h(struct zx_req *r);
/* The sound of prompt `id` (0: none), which the caller has found to be the user's to hear. */
void zx_sound_send(struct zx_req *r, int64_t id);
/* After changes: files that no row and no configuration version refers to are removed when they are a day old; once an hour at most. */
void zx_sound_sweep(struct zx_web *web, const struct zx_resource *res);

#endif
