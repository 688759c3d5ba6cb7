#include "server/metrics.h"

#include <stdbool.h>

struct series {
    const char *route, *method;
    unsigned status;
    uint64_t requests;
};

/* Upper limits, microseconds, as Prometheus' own clients have them. */
static const int64_t buckets[] = { 1000,   5000,   10000,   25000,   50000,   100000,
                                   250000, 500000, 1000000, 2500000, 5000000, 10000000 };

struct metrics {
    GMutex lock;
    GArray *series;
    uint64_t in_bucket[G_N_ELEMENTS(buckets)], requests;
    int64_t total; /* microseconds */
};

struct metrics *metrics_new(void)
{
    struct metrics *m = g_new0(struct metrics, 1);
    g_mutex_init(&m->lock);
    m->series = g_array_new(FALSE, FALSE, sizeof(struct series));
    return m;
}

void metrics_free(struct metrics *m)
{
    if (m == NULL)
        return;
    g_mutex_clear(&m->lock);
    g_array_unref(m->series);
    g_free(m);
}

static struct series *find(struct metrics *m, const char *route, const char *method,
                           unsigned status)
{
    for (guint i = 0; i < m->series->len; i++) {
        struct series *s = &g_array_index(m->series, struct series, i);
        if (s->route == route && s->method == method && s->status == status)
            return s;
    }
    const struct series new = { route, method, status, 0 };
    g_array_append_val(m->series, new);
    return &g_array_index(m->series, struct series, m->series->len - 1);
}

void metrics_count(struct metrics *m, const char *route, const char *method, unsigned status,
                   int64_t microseconds)
{
    g_mutex_lock(&m->lock);
    find(m, route, method, status)->requests++;
    for (size_t i = 0; i < G_N_ELEMENTS(buckets); i++)
        m->in_bucket[i] += microseconds <= buckets[i];
    m->requests++;
    m->total += microseconds;
    g_mutex_unlock(&m->lock);
}

static void write_seconds(GString *out, int64_t microseconds)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append(out, g_ascii_formatd(text, sizeof text, "%.6g",
                                         (double)microseconds / (double)G_USEC_PER_SEC));
}

void metrics_write(struct metrics *m, GString *out)
{
    g_mutex_lock(&m->lock);
    g_string_append(out, "# HELP assay_http_requests_total Requests answered.\n"
                         "# TYPE assay_http_requests_total counter\n");
    for (guint i = 0; i < m->series->len; i++) {
        const struct series *s = &g_array_index(m->series, struct series, i);
        g_string_append_printf(out,
                               "assay_http_requests_total{route=\"%s\",method=\"%s\","
                               "status=\"%u\"} %" G_GUINT64_FORMAT "\n",
                               s->route, s->method, s->status, s->requests);
    }
    g_string_append(out, "# HELP assay_http_request_seconds Time to answer.\n"
                         "# TYPE assay_http_request_seconds histogram\n");
    for (size_t i = 0; i < G_N_ELEMENTS(buckets); i++) {
        g_string_append(out, "assay_http_request_seconds_bucket{le=\"");
        write_seconds(out, buckets[i]);
        g_string_append_printf(out, "\"} %" G_GUINT64_FORMAT "\n", m->in_bucket[i]);
    }
    g_string_append_printf(out,
                           "assay_http_request_seconds_bucket{le=\"+Inf\"} %" G_GUINT64_FORMAT
                           "\nassay_http_request_seconds_sum ",
                           m->requests);
    write_seconds(out, m->total);
    g_string_append_printf(out, "\nassay_http_request_seconds_count %" G_GUINT64_FORMAT "\n",
                           m->requests);
    g_mutex_unlock(&m->lock);
}
