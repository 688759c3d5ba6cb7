#include "advisory/cve.h"

#include <string.h>

#include "base/number.h"

#define YEAR_FIRST  1990u
#define NUMBER_BITS 24

bool cve_parse(const char *text, size_t len, uint32_t *out)
{
    uint64_t year, number;
    if (len < 13 || memcmp(text, "CVE-", 4) != 0 || text[8] != '-')
        return false;
    if (!parse_u64(text + 4, 4, &year) || !parse_u64(text + 9, len - 9, &number))
        return false;
    if (len > 13 && text[9] == '0')
        return false;
    if (year < YEAR_FIRST || year - YEAR_FIRST > 127 || number >= 1u << NUMBER_BITS)
        return false;
    *out = (uint32_t)(year - YEAR_FIRST) << NUMBER_BITS | (uint32_t)number;
    return true;
}

const char *cve_format(uint32_t cve, char out[static CVE_TEXT_MAX])
{
    (void)g_snprintf(out, CVE_TEXT_MAX, "CVE-%04u-%04u", (cve >> NUMBER_BITS) + YEAR_FIRST,
                     cve & ((1u << NUMBER_BITS) - 1));
    return out;
}

void cve_find_all(const char *text, size_t len, GArray *out)
{
    const char *end = text + len;
    for (const char *p = text; (p = memmem(p, (size_t)(end - p), "CVE-", 4)) != NULL; p += 4) {
        const char *stop = p + 4;
        while (stop < end && (g_ascii_isdigit(*stop) || *stop == '-'))
            stop++;
        if (p > text && (g_ascii_isalnum(p[-1]) || p[-1] == '-'))
            continue;
        while (stop > p && stop[-1] == '-')
            stop--;
        uint32_t cve;
        if (cve_parse(p, (size_t)(stop - p), &cve))
            g_array_append_val(out, cve);
    }
}

static int compare_cve(gconstpointer a, gconstpointer b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

void cve_sort(GArray *cves)
{
    g_array_sort(cves, compare_cve);
    uint32_t *v = (uint32_t *)(void *)cves->data;
    guint kept = 0;
    for (guint i = 0; i < cves->len; i++)
        if (kept == 0 || v[kept - 1] != v[i])
            v[kept++] = v[i];
    g_array_set_size(cves, kept);
}
