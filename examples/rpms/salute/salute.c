#include <greet.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    const char *phrase = greet_phrase("en");

    printf("%s, %s!\n", phrase, argc > 1 ? argv[1] : "everyone");
    return 0;
}
