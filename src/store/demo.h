/* What an empty store is filled with: by --demo, or at the first ordinary start. */
#ifndef ZX_STORE_DEMO_H
#define ZX_STORE_DEMO_H

#include "store/store.h"

/*
 * Company 演示公司 (100000), the shipped roles, extensions 8000-8049, user admin at 8000, agent1..agent5 at 8001-8005, all with random
 * passwords, which are written once to DIR/demo-credentials.txt (mode 600), lines "kind name password", kind = user or extension.
 * All or nothing. EEXIST: the store is not empty, nothing was done. Not on the loop thread while it runs.
 */
int zx_demo_fill(struct zx_store *st, char *errbuf, size_t errlen);

/*
 * When there is no user yet: a company, the shipped roles and user admin with a random password that must be changed at the first login,
 * written to DIR/first-admin.txt (mode 600, line "user admin PASSWORD"). EEXIST: there are users already.
 */
int zx_first_admin(struct zx_store *st, char *errbuf, size_t errlen);

#endif
