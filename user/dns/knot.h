/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libknot's headers, without its macro `_cleanup_`, of which base/cleanup.h has another. */
#ifndef DNS_KNOT_H
#define DNS_KNOT_H

#pragma push_macro("_cleanup_")
#undef _cleanup_
#include <libknot/libknot.h>
#pragma pop_macro("_cleanup_")

#endif
