/* Parts of the table, shared by its files. */
#pragma once
#include "report/report.h"

struct table {
    GString *out;
    const struct report_options *options;
};

/* SGR parameters to switch on; NULL: back to plain. Nothing without colour. */
void table_style(struct table *t, const char *style);
/* The block that says what was looked at and what not. */
void table_coverage(struct table *t, const struct report *r);
/* Which advisories were used, and their age. */
void table_feeds(struct table *t, const struct report *r);
