;; A ledger in WebAssembly text: no SDK, no language runtime, its state is a global and a piece of memory.
;;
;;   interface bookings {
;;     enum refusal { overdrawn, too-many }
;;     book: func(amount: s32) -> result<s32, refusal>;
;;     history: func() -> list<s32>;
;;   }
;;   export bookings;
;;   export balance: func() -> s32;
(component
  (core module $main
    (memory (export "memory") 1)
    (global $balance (mut i32) (i32.const 0))
    (global $count (mut i32) (i32.const 0))

    ;; The bookings lie from address 64 on, four bytes each; results of functions go to addresses 0 to 11.
    (func (export "book") (param $amount i32) (result i32)
      (i32.store (i32.const 0) (i32.const 1)) ;; err ...
      (if (i32.lt_s (i32.add (global.get $balance) (local.get $amount)) (i32.const 0))
        (then (i32.store8 (i32.const 4) (i32.const 0)) (return (i32.const 0)))) ;; ... overdrawn
      (if (i32.ge_u (global.get $count) (i32.const 1000))
        (then (i32.store8 (i32.const 4) (i32.const 1)) (return (i32.const 0)))) ;; ... too-many
      (i32.store
        (i32.add (i32.const 64) (i32.mul (i32.const 4) (global.get $count)))
        (local.get $amount))
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (global.set $balance (i32.add (global.get $balance) (local.get $amount)))
      (i32.store (i32.const 0) (i32.const 0)) ;; ok
      (i32.store (i32.const 4) (global.get $balance))
      (i32.const 0))
    (func (export "history") (result i32)
      (i32.store (i32.const 0) (i32.const 64))
      (i32.store (i32.const 4) (global.get $count))
      (i32.const 0))
    (func (export "balance") (result i32) (global.get $balance)))
  (core instance $main (instantiate $main))
  (alias core export $main "memory" (core memory $memory))

  (type $refusal' (enum "overdrawn" "too-many"))
  (component $bookings
    (import "refusal" (type $refusal (eq $refusal')))
    (import "book" (func $book (param "amount" s32) (result (result s32 (error $refusal)))))
    (import "history" (func $history (result (list s32))))
    (export $named "refusal" (type $refusal))
    (export "book" (func $book) (func (param "amount" s32) (result (result s32 (error $named)))))
    (export "history" (func $history)))
  (func $book (param "amount" s32) (result (result s32 (error $refusal')))
    (canon lift (core func $main "book") (memory $memory)))
  (func $history (result (list s32)) (canon lift (core func $main "history") (memory $memory)))
  (instance $exported (instantiate $bookings
    (with "refusal" (type $refusal')) (with "book" (func $book)) (with "history" (func $history))))
  (export "shem:ledger/bookings@0.1.0" (instance $exported))

  (func (export "balance") (result s32) (canon lift (core func $main "balance"))))
