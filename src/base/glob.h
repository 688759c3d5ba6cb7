/* Patterns in which '*' is any bytes and '?' is any one byte, others are themselves. */
#pragma once
#include <stdbool.h>

/* The whole text must match. Cost: the product of both lengths at most. */
bool glob_match(const char *pattern, const char *text);
