// Package resp3 reads and writes RESP, the protocol of Redis, in versions 2 and 3. It knows byte streams and nothing of sockets,
// commands or time.
//
// # Types
//
//	byte  kind            example                          accessor of Value
//	  +   SimpleString    +OK                              Text
//	  -   SimpleError     -ERR no such key                 Err
//	  :   Integer         :42                              Int
//	  $   BulkString      $5 hello                         Text, Bytes
//	      null            $-1                              IsNull
//	      streamed        $? ;3 hel ;2 lo ;0               Text, Bytes
//	  *   Array           *2 :1 :2                         All, Index, Len
//	      null            *-1                              IsNull
//	      streamed        *? :1 :2 .                       All, Index, Len
//	  _   Null            _                                IsNull
//	  #   Boolean         #t                               Bool
//	  ,   Double          ,1.5                             Float
//	  (   BigNumber       (3492890328409238509324850943    Big
//	  !   BulkError       !10 ERR broken                   Err
//	  =   VerbatimString  =8 txt:text                      Text, VerbatimFormat
//	  %   Map             %1 +key :1                       Pairs, Index, Len
//	  ~   Set             ~2 :1 :2                         All, Index, Len
//	  |   Attribute       |1 +ttl :60 $1 a                 Attrs of the value behind
//	  >   Push            >2 +pubsub +x                    All, Index, Len
//
// Each line of the wire ends in CRLF, written as a blank here. Maps and sets may be streamed like arrays. Sources are the page
// protocol-spec of the Redis documentation and, for streamed forms, RESP3.md of redis-specifications.
//
// # Reading
//
// A [Reader] works in two passes. The first finds the end of a frame and checks every byte of it: grammar, lengths, nesting. It
// keeps its place when bytes run out, jumps over payloads and allocates nothing. [Reader.Next] and [Reader.Buffered] return the
// [Frame], still encoded. The second pass, [Frame.Value], turns an accepted frame into a [Value]; it cannot fail and knows all
// sizes. [Reader.ReadValue] does both. A [Cursor] reads a frame piece by piece, without a Value for each element.
//
// [Limits] bound what a peer may send. Memory follows the bytes that came, not the announced lengths, and no recursion follows the
// nesting. Bytes that are not RESP are a [*SyntaxError], and the stream is over: a guess could take the bytes of one reply for
// another. docs/resp3.md has all the decisions.
//
// # Writing
//
// The Append functions add to a byte slice, like those of package strconv. [AppendCommand] and [AppendCommandArgs] write a whole
// command, [AppendHeader] with [AppendBulkString], [AppendIntArg] and [AppendFloatArg] one piece by piece. [AppendValue] writes back
// what was read. Package handofftest/resp3test has the rest of what servers send.
package resp3
