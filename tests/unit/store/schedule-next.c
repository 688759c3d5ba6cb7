/* Reads lines "SCHEDULE<tab>SECONDS" and writes the next time after each, in seconds, without the
 * thing's own lateness; "invalid" for a schedule that is not one. tests/e2e/test_schedules.py
 * compares with another's. */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "store/schedule.h"

int main(void)
{
    char line[256];
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct schedule s;
        uint64_t after = 0;
        char *tab = strchr(line, '\t');
        line[strcspn(line, "\n")] = '\0';
        if (tab == NULL || !parse_u64(tab + 1, strlen(tab + 1), &after))
            return 2;
        *tab = '\0';
        if (!schedule_parse(line, &s, NULL)) {
            (void)puts("invalid");
            continue;
        }
        (void)printf("%" G_GINT64_FORMAT "\n", schedule_minute_after(&s, (int64_t)after));
    }
    return 0;
}
