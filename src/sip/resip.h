/* libre's SIP part; this room only. */
#ifndef ZX_SIP_RESIP_H
#define ZX_SIP_RESIP_H

#include "base/re.h"
#include <re_uri.h>
#include <re_msg.h>
#include <re_sip.h>

#endif
