package resp3_test

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/baton-go/baton/handoff/handofftest/resp3test"
	"github.com/baton-go/baton/resp3"
)

func ExampleReader_ReadValue() {
	wire := "+OK\r\n%1\r\n$4\r\nname\r\n$5\r\nbaton\r\n>2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n-WRONGTYPE not a list\r\n"
	r := resp3.NewReader(strings.NewReader(wire), resp3.Limits{})
	for {
		v, err := r.ReadValue()
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		var fault *resp3.Error
		switch {
		case errors.As(v.Err(), &fault):
			fmt.Println("error", fault.Code)
		case v.Kind() == resp3.Push:
			fmt.Println("push", v.Index(0))
		default:
			fmt.Println(v)
		}
	}
	// Output:
	// "OK"
	// map(1) "name" "baton"
	// push "invalidate"
	// error WRONGTYPE
}

func ExampleReader_ReadBody() {
	r := resp3.NewReader(strings.NewReader("$26\r\nabcdefghijklmnopqrstuvwxyz\r\n"), resp3.Limits{})
	r.SetStream(16)
	f, err := r.Next()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("a value of", f.Open, "bytes")
	part := make([]byte, 10)
	for {
		n, err := r.ReadBody(part)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s\n", part[:n])
	}
	// Output:
	// a value of 26 bytes
	// abcdefghij
	// klmnopqrst
	// uvwxyz
	// EOF
}

func ExampleValue_Attrs() {
	v, _, err := resp3.Decode("|1\r\n+ttl\r\n:3600\r\n$5\r\nhello\r\n")
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := v.Text()
	fmt.Println(text)
	for name, value := range v.Attrs() {
		fmt.Println(name, value)
	}
	// Output:
	// hello
	// "ttl" 3600
}

func ExampleAppendCommandArgs() {
	cmd, err := resp3.AppendCommandArgs(nil, "SET", "pi", 3.25, "PX", 1500)
	fmt.Printf("%q %v\n", cmd, err)
	_, err = resp3.AppendCommandArgs(nil, "SET", "pi", struct{}{})
	fmt.Println(err)
	// Output:
	// "*5\r\n$3\r\nSET\r\n$2\r\npi\r\n$4\r\n3.25\r\n$2\r\nPX\r\n$4\r\n1500\r\n" <nil>
	// resp3: argument 2 of type struct {} cannot be encoded: convert it to a string, a number or a byte slice
}

func ExampleAppendValue() {
	reply := resp3test.Map(resp3test.BulkString("server"), resp3test.BulkString("fake"), resp3test.BulkString("proto"), resp3test.Integer(3))
	fmt.Printf("%q\n", resp3.AppendValue(nil, reply))
	// Output:
	// "%2\r\n$6\r\nserver\r\n$4\r\nfake\r\n$5\r\nproto\r\n:3\r\n"
}
