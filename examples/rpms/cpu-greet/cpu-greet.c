#include <greet.h>
#include <stdio.h>
#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>

static void ask_vendor(char *vendor)
{
    unsigned eax, parts[3];

    if (__get_cpuid(0, &eax, &parts[0], &parts[2], &parts[1]))
        memcpy(vendor, parts, sizeof parts);
}
#else
/* Built by the compiler of another architecture, as devhub does when it only labels packages. */
static void ask_vendor(char *vendor)
{
    strcpy(vendor, "stranger");
}
#endif

int main(void)
{
    char vendor[13] = "";

    ask_vendor(vendor);
    printf("%s, %s\n", greet_phrase("en"), vendor);
    return 0;
}
