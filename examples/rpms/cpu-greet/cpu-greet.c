#include <cpuid.h>
#include <greet.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    unsigned eax, parts[3];
    char vendor[sizeof parts + 1] = "";

    if (__get_cpuid(0, &eax, &parts[0], &parts[2], &parts[1]))
        memcpy(vendor, parts, sizeof parts);
    printf("%s, %s\n", greet_phrase("en"), vendor);
    return 0;
}
