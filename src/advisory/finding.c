#include "advisory/finding.h"

static const char *const names[FINDING_STATE_COUNT] = {
    [FINDING_AFFECTED] = "affected",
    [FINDING_FIXED] = "fixed",
    [FINDING_WILL_NOT_FIX] = "will_not_fix",
    [FINDING_DEFERRED] = "deferred",
    [FINDING_UNDER_INVESTIGATION] = "under_investigation",
    [FINDING_END_OF_LIFE] = "end_of_life",
    [FINDING_NOT_AFFECTED] = "not_affected",
};

const char *finding_state_name(enum finding_state state)
{
    return state < FINDING_STATE_COUNT ? names[state] : names[FINDING_AFFECTED];
}
