#include <greet.h>
#include <stddef.h>
#include <stdio.h>

int main(void)
{
    for (unsigned i = 0; i < greet_languages(); i++)
        if (greet_phrase(greet_language(i)) == NULL)
            return 1;
    printf("%u languages\n", greet_languages());
    return 0;
}
