#include <greet.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    const char *language = argc > 1 ? argv[1] : "en";
    const char *phrase = greet_phrase(language);

    if (!phrase) {
        fprintf(stderr, "greet: no greeting in \"%s\"\n", language);
        return 1;
    }
    puts(phrase);
    return 0;
}
