/** The nodes of `@huggingface/jinja`, which exports its parser and not their types. */
export interface Operator {
  readonly value: string;
}

export type Argument =
  | Expression
  | { readonly type: 'KeywordArgumentExpression'; readonly key: Identifier; readonly value: Expression }
  | { readonly type: 'SpreadExpression'; readonly argument: Expression }
  | { readonly type: 'KeywordSpreadExpression'; readonly argument: Expression };

export interface Identifier {
  readonly type: 'Identifier';
  readonly value: string;
}

export interface Call {
  readonly type: 'CallExpression';
  readonly callee: Expression;
  readonly args: readonly Argument[];
}

export interface Slice {
  readonly type: 'SliceExpression';
  readonly start?: Expression | undefined;
  readonly stop?: Expression | undefined;
  readonly step?: Expression | undefined;
}

export interface Select {
  readonly type: 'SelectExpression';
  readonly lhs: Expression;
  readonly test: Expression;
}

export interface Tuple {
  readonly type: 'TupleLiteral';
  readonly value: readonly Expression[];
}

export interface Member {
  readonly type: 'MemberExpression';
  readonly object: Expression;
  readonly property: Expression | Slice;
  readonly computed: boolean;
}

export type Expression =
  | { readonly type: 'ArrayLiteral'; readonly value: readonly Expression[] }
  | {
      readonly type: 'BinaryExpression';
      readonly operator: Operator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly type: 'FilterExpression'; readonly operand: Expression; readonly filter: Identifier | Call }
  | { readonly type: 'FloatLiteral' | 'IntegerLiteral'; readonly value: number }
  | { readonly type: 'ObjectLiteral'; readonly value: ReadonlyMap<Expression, Expression> }
  | { readonly type: 'StringLiteral'; readonly value: string }
  | {
      readonly type: 'Ternary';
      readonly condition: Expression;
      readonly trueExpr: Expression;
      readonly falseExpr: Expression;
    }
  | {
      readonly type: 'TestExpression';
      readonly operand: Expression;
      readonly negate: boolean;
      readonly test: Identifier;
    }
  | { readonly type: 'UnaryExpression'; readonly operator: Operator; readonly argument: Expression }
  | Call
  | Identifier
  | Member
  | Select
  | Tuple;

export type ParameterNode =
  | Identifier
  | { readonly type: 'KeywordArgumentExpression'; readonly key: Identifier; readonly value: Expression };

export interface For {
  readonly type: 'For';
  readonly loopvar: Identifier | Tuple;
  readonly iterable: Expression;
  readonly body: readonly Statement[];
  readonly defaultBlock: readonly Statement[];
}

export interface SetStatement {
  readonly type: 'Set';
  readonly assignee: Expression;
  readonly value: Expression | null;
  readonly body: readonly Statement[];
}

export interface CallStatement {
  readonly type: 'CallStatement';
  readonly call: Call;
  readonly callerArgs: readonly ParameterNode[] | null;
  readonly body: readonly Statement[];
}

export interface Macro {
  readonly type: 'Macro';
  readonly name: Identifier;
  readonly args: readonly ParameterNode[];
  readonly body: readonly Statement[];
}

export type Statement =
  | { readonly type: 'Break' | 'Continue' }
  /** A line number: comments of the template itself never reach the parser. */
  | { readonly type: 'Comment'; readonly value: string }
  | { readonly type: 'FilterStatement'; readonly filter: Identifier | Call; readonly body: readonly Statement[] }
  | {
      readonly type: 'If';
      readonly test: Expression;
      readonly body: readonly Statement[];
      readonly alternate: readonly Statement[];
    }
  | CallStatement
  | For
  | Macro
  | SetStatement
  | Expression;

export interface Program {
  readonly body: readonly Statement[];
}

/** Callee of the call block that stands for `{% generation %}`; no template can spell it. */
export const generationName = 'generation block';
/** Filter that makes a tuple of a list. */
export const tupleName = 'as tuple';
/** Callee of the call block that stands for `{% with %}`. */
export const withName = 'with block';
/** Begins the name of the filter that stands for a test with arguments; the test may be negated. */
export const testPrefix = { is: 'is ', isNot: 'is not ' } as const;
