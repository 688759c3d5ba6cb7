#include <stdio.h>

#include "config.h"

int main(void)
{
    printf("assay %s\n", ASSAY_VERSION);
    return 0;
}
