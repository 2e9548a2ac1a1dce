/** Arguments of a call, a filter or a test. */
export interface CallArguments {
  readonly list: readonly Expression[];
  readonly named: readonly (readonly [name: string, value: Expression])[];
  /** After `*`. */
  readonly spread: Expression | null;
  /** After `**`. */
  readonly namedSpread: Expression | null;
}

export const noArguments: CallArguments = { list: [], named: [], spread: null, namedSpread: null };

export interface Call {
  readonly type: 'Call';
  readonly callee: Expression;
  readonly args: CallArguments;
}

/** A filter without its value. */
export interface FilterCall {
  readonly name: string;
  readonly args: CallArguments;
}

export interface Name {
  readonly type: 'Name';
  readonly name: string;
}

/** A field of a namespace, which can be assigned to. */
export interface NamespaceField {
  readonly type: 'NamespaceField';
  readonly namespace: string;
  readonly field: string;
}

export interface Tuple {
  readonly type: 'Tuple';
  readonly items: readonly Expression[];
}

export type Constant = boolean | null;

export type Expression =
  | Call
  | Name
  | NamespaceField
  | Tuple
  | { readonly type: 'Constant'; readonly value: Constant }
  | { readonly type: 'String'; readonly value: string }
  | { readonly type: 'Integer'; readonly value: bigint }
  | { readonly type: 'Float'; readonly value: number }
  | { readonly type: 'List'; readonly items: readonly Expression[] }
  | { readonly type: 'Dict'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly type: 'Attribute'; readonly object: Expression; readonly name: string }
  | { readonly type: 'Item'; readonly object: Expression; readonly key: Expression }
  | {
      readonly type: 'Slice';
      readonly object: Expression;
      /** Start, stop and step. */
      readonly bounds: readonly [Expression | null, Expression | null, Expression | null];
    }
  | { readonly type: 'Filter'; readonly operand: Expression; readonly filter: FilterCall }
  | { readonly type: 'Test'; readonly operand: Expression; readonly name: string; readonly args: CallArguments }
  | { readonly type: 'Unary'; readonly op: '-' | '+' | 'not'; readonly operand: Expression }
  | { readonly type: 'Binary'; readonly op: string; readonly left: Expression; readonly right: Expression }
  | { readonly type: 'Logic'; readonly op: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly type: 'Concat'; readonly parts: readonly Expression[] }
  /** `a < b <= c`: each pair of neighbours has to hold. */
  | {
      readonly type: 'Compare';
      readonly first: Expression;
      readonly rest: readonly (readonly [op: string, value: Expression])[];
    }
  | {
      readonly type: 'Condition';
      readonly test: Expression;
      readonly then: Expression;
      readonly otherwise: Expression | null;
    };

/** A parameter of a macro, with its default. */
export interface Parameter {
  readonly name: string;
  readonly otherwise: Expression | null;
}

/** What stands in a template, at a line from 1. */
export type Statement = { readonly line: number } & (
  | { readonly type: 'Text'; readonly value: string }
  | { readonly type: 'Print'; readonly values: readonly Expression[] }
  | { readonly type: 'Break' | 'Continue' }
  /** Begins a body that doesn't see what these names mean outside. */
  | { readonly type: 'Hide'; readonly names: readonly string[] }
  | {
      readonly type: 'If';
      readonly test: Expression;
      readonly body: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | For
  | { readonly type: 'Set'; readonly target: Expression; readonly value: Expression }
  | {
      readonly type: 'SetBlock';
      readonly target: Expression;
      readonly filters: readonly FilterCall[];
      readonly body: readonly Statement[];
    }
  | {
      readonly type: 'With';
      readonly names: readonly (readonly [target: Expression, value: Expression])[];
      readonly body: readonly Statement[];
    }
  | Macro
  | CallBlock
  | { readonly type: 'FilterBlock'; readonly filters: readonly FilterCall[]; readonly body: readonly Statement[] }
  | { readonly type: 'Generation'; readonly body: readonly Statement[] }
);

export interface For {
  readonly type: 'For';
  readonly target: Expression;
  readonly iterable: Expression;
  /** After `if`. */
  readonly test: Expression | null;
  /** `loop(…)` goes through another list with the same body. */
  readonly recursive: boolean;
  readonly body: readonly Statement[];
  readonly otherwise: readonly Statement[];
}

export interface Macro {
  readonly type: 'Macro';
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly body: readonly Statement[];
}

export interface CallBlock {
  readonly type: 'CallBlock';
  readonly call: Call;
  readonly parameters: readonly Parameter[];
  readonly body: readonly Statement[];
}
