/* --fail-on: which findings make a scan fail. */
#pragma once
#include "report/report.h"

struct fail_on {
    bool by_severity, known_exploited, by_epss;
    enum severity severity; /* this or worse */
    double epss;            /* this or more */
};

/* "any", "none", a severity, "kev", "epss:0.5", or several with commas. NULL: "any". */
bool fail_on_parse(const char *text, struct fail_on *out, GError **error);
/* True when a finding that the report shows is meant. */
bool fail_on_matches(const struct fail_on *f, const struct report *r,
                     const struct report_options *options);
