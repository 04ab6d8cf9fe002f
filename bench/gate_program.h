/* What the programs in the containers do at the gate that bench/gate.h draws. C. */
#ifndef URC_BENCH_GATE_PROGRAM_H
#define URC_BENCH_GATE_PROGRAM_H

struct gate {
    int go, end; /* readable at their end: nobody writes into them, the harness closes them */
    int up;      /* takes one byte a step */
};

struct gate gate_open(const char* directory); /* ends the program when the fifos are not there */
void gate_say(const struct gate* gate, char word);
void gate_wait(int fifo); /* until the harness has closed it */

#endif
