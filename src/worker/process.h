/* Names of processes in the store: "HOST:BOOT:PID:START", so that another process of the same host
 * can tell whether the one that is named still lives. */
#pragma once
#include <stdbool.h>

/* Of this process; g_free(). */
char *process_name(void);
/* What the names of this host begin with since it was started, and in this PID namespace; g_free().
 */
char *process_name_prefix(void);
/* Whether a process whose name begins with our prefix has ended. What cannot be told counts as
 * alive: its lease will run out. */
bool process_has_ended(const char *name);
